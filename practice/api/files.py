"""files.*: the three-step upload, and reading a file's facts."""

from __future__ import annotations

import mimetypes
import secrets

from practice import shapes
from practice.api.call import Call, Method
from practice.api.chat import blocks_of, place_for_posting, thread_of
from practice.errors import SlackError
from practice.records import File, Json

LARGEST = 64 * 1024 * 1024
SAFE_NAME = str.maketrans({"/": "_", "\\": "_", "\0": "_", "?": "_", "#": "_"})


def get_upload_url(call: Call) -> Json:
    name = call.required("filename").translate(SAFE_NAME)
    length = call.number("length", 0)
    if length <= 0 or length > LARGEST:
        raise SlackError("invalid_arguments" if length <= 0 else "file_upload_size_restricted")
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    upload = File(
        id=call.workspace.next_id("F"),
        name=name,
        title=name,
        user=call.workspace.app.bot_user,
        size=length,
        created=int(call.workspace.clock()),
        mimetype=guessed,
    )
    call.workspace.files[upload.id] = upload
    ticket = secrets.token_urlsafe(18)
    call.uploads.waiting[ticket] = upload.id
    return {"upload_url": f"{call.base_url}/upload/{ticket}", "file_id": upload.id}


def complete_upload(call: Call) -> Json:
    given = call.decoded("files", error="invalid_arguments")
    if not isinstance(given, list) or not given:
        raise SlackError("invalid_arguments")
    finished: list[File] = []
    for item in given:
        upload = call.workspace.files.get(str(item.get("id"))) if isinstance(item, dict) else None
        if upload is None or not upload.uploaded:
            raise SlackError("file_not_found")
        finished.append(upload)
    channel = call.optional("channel_id") or call.optional("channels")
    place = thread = None
    if channel is not None:
        call.arguments["channel"] = channel
        place = place_for_posting(call)
        thread = thread_of(call, place)
    for item, upload in zip(given, finished, strict=True):
        upload.title = str(item.get("title") or upload.name)
        if place is not None and place.id not in upload.channels:
            upload.channels.append(place.id)
        call.workspace.store_file(upload)
    if place is not None:
        call.workspace.post(
            channel=place.id,
            user=call.workspace.app.bot_user,
            text=call.text("initial_comment"),
            blocks=blocks_of(call),
            thread_ts=thread,
            files=[upload.id for upload in finished],
        )
    return {"files": [shapes.file(upload, call.base_url) for upload in finished]}


def info(call: Call) -> Json:
    upload = call.workspace.files.get(call.required("file"))
    if upload is None:
        raise SlackError("file_not_found")
    shape = shapes.file(upload, call.base_url)
    shares: Json = {}
    for place, messages in call.workspace.messages.items():
        for message in messages.values():
            if upload.id in message.files:
                shares.setdefault(place, []).append(
                    {"ts": message.ts, "thread_ts": message.thread_ts}
                )
    return {"file": shape | {"shares": {"public": shares}}, "comments": []}


METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",)),
    "files.info": Method(info, ("files:read",)),
}
