"""files.*: the three-step upload and `files.info`."""

from __future__ import annotations

import mimetypes
import secrets

from practice.state import serializers
from practice.state.errors import SlackError
from practice.state.records import File, Json, safe_file_name
from practice.web_api.call import Call, Method
from practice.web_api.chat import blocks_argument, conversation_to_post_in, thread_argument

MAX_FILE_BYTES = 64 * 1024 * 1024


def get_upload_url(call: Call) -> Json:
    if call.workspace.upload_error is not None:
        raise SlackError(call.workspace.upload_error)
    name = safe_file_name(call.required("filename"))
    length = call.integer("length", 0)
    if length <= 0 or length > MAX_FILE_BYTES:
        raise SlackError("invalid_arguments" if length <= 0 else "file_upload_size_restricted")
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    upload = File(
        id=call.workspace.next_id("F"),
        name=name,
        title=name,
        user=call.workspace.app.bot_user,
        size=length,
        created=int(call.workspace.clock()),
        mimetype=mimetype,
    )
    call.workspace.files[upload.id] = upload
    ticket = secrets.token_urlsafe(18)
    call.uploads.waiting[ticket] = upload.id
    return {"upload_url": f"{call.base_url}/upload/{ticket}", "file_id": upload.id}


def complete_upload(call: Call) -> Json:
    items = call.json_argument("files", error="invalid_arguments")
    if not isinstance(items, list) or not items:
        raise SlackError("invalid_arguments")
    uploads: list[File] = []
    for item in items:
        upload = call.workspace.files.get(str(item.get("id"))) if isinstance(item, dict) else None
        if upload is None or not upload.uploaded:
            raise SlackError("file_not_found")
        uploads.append(upload)
    channel = call.optional("channel_id") or call.optional("channels")
    conversation = thread = None
    if channel is not None:
        call.arguments["channel"] = channel
        conversation = conversation_to_post_in(call)
        thread = thread_argument(call, conversation)
    for item, upload in zip(items, uploads, strict=True):
        upload.title = str(item.get("title") or upload.name)
        if conversation is not None and conversation.id not in upload.channels:
            upload.channels.append(conversation.id)
        call.workspace.store_file(upload)
    if conversation is not None:
        call.workspace.post(
            channel=conversation.id,
            user=call.workspace.app.bot_user,
            text=call.text("initial_comment"),
            blocks=blocks_argument(call),
            thread_ts=thread,
            files=[upload.id for upload in uploads],
        )
    return {"files": [serializers.file(upload, call.base_url) for upload in uploads]}


def info(call: Call) -> Json:
    upload = call.workspace.files.get(call.required("file"))
    if upload is None:
        raise SlackError("file_not_found")
    shape = serializers.file(upload, call.base_url)
    shares: Json = {}
    for channel_id, messages in call.workspace.messages.items():
        for message in messages.values():
            if upload.id in message.files:
                shares.setdefault(channel_id, []).append(
                    {"ts": message.ts, "thread_ts": message.thread_ts}
                )
    return {"file": shape | {"shares": {"public": shares}}, "comments": []}


METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",)),
    "files.info": Method(info, ("files:read",)),
}
