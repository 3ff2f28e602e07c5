"""auth, apps, team, users, bots, usergroups and reactions."""

from __future__ import annotations

from practice.state import serializers
from practice.state.errors import SlackError
from practice.state.records import Json, User
from practice.web_api.call import Call, Method


def api_test(call: Call) -> Json:
    arguments = {name: value for name, value in call.arguments.items() if name != "token"}
    if "error" in arguments:
        raise SlackError(str(arguments["error"]), args=arguments)
    return {"args": arguments}


def auth_test(call: Call) -> Json:
    workspace = call.workspace
    enterprise = workspace.enterprise
    grid = {} if enterprise is None else {"enterprise_id": enterprise.id}
    return grid | {
        "url": f"{call.base_url}/",
        "team": workspace.team_name,
        "user": workspace.bot.name,
        "team_id": workspace.team_id,
        "user_id": workspace.app.bot_user,
        "bot_id": workspace.app.bot_id,
        "is_enterprise_install": enterprise is not None and enterprise.installs_app,
    }


def connections_open(call: Call) -> Json:
    if call.workspace.app.request_url is not None:
        raise SlackError("socket_mode_disabled")
    address = call.base_url.replace("http://", "ws://", 1)
    return {"url": f"{address}/socket?ticket={call.sockets.issue()}"}


def team_info(call: Call) -> Json:
    workspace = call.workspace
    domain = workspace.team_name.lower()
    team: Json = {"id": workspace.team_id, "name": workspace.team_name, "domain": domain}
    if workspace.enterprise is not None:
        team |= {
            "enterprise_id": workspace.enterprise.id,
            "enterprise_name": workspace.enterprise.name,
        }
    return {"team": team}


def _user(call: Call, user: str) -> User:
    person = call.workspace.users.get(user)
    if person is None:
        raise SlackError("user_not_found")
    return person


def _shape(call: Call, person: User) -> Json:
    shape = serializers.user(person, call.workspace.enterprise)
    if "users:read.email" not in call.workspace.app.scopes:
        del shape["profile"]["email"]
    return shape


def users_info(call: Call) -> Json:
    return {"user": _shape(call, _user(call, call.required("user")))}


def users_list(call: Call) -> Json:
    people = [_shape(call, person) for person in call.workspace.users.values()]
    page, metadata = call.paginate(people)
    return {"members": page, "cache_ts": int(call.workspace.clock()), "response_metadata": metadata}


def lookup_by_email(call: Call) -> Json:
    email = call.required("email").lower()
    for person in call.workspace.users.values():
        if person.email and person.email.lower() == email:
            return {"user": _shape(call, person)}
    raise SlackError("users_not_found")


def bots_info(call: Call) -> Json:
    app = call.workspace.app
    if call.text("bot", app.bot_id) != app.bot_id:
        raise SlackError("bot_not_found")
    return {"bot": serializers.bot_profile(call.workspace)}


def _require_paid_plan(call: Call) -> None:
    if not call.workspace.is_paid:
        raise SlackError("plan_upgrade_required")


def usergroups_list(call: Call) -> Json:
    _require_paid_plan(call)
    groups = [serializers.group(g, call.workspace.team_id) for g in call.workspace.groups.values()]
    if not call.flag("include_users"):
        for group in groups:
            del group["users"]
    return {"usergroups": groups}


def usergroups_users(call: Call) -> Json:
    _require_paid_plan(call)
    group = call.workspace.groups.get(call.required("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


def reactions_add(call: Call) -> Json:
    conversation = call.channel()
    message = call.workspace.find(conversation.id, call.required("timestamp"))
    if message is None:
        raise SlackError("message_not_found")
    if not call.is_member(conversation):
        raise SlackError("not_in_channel")
    name, user = call.required("name").strip(":"), call.workspace.app.bot_user
    reaction = next((r for r in message.reactions if r["name"] == name), None)
    if reaction is None:
        message.reactions.append({"name": name, "users": [user], "count": 1})
    elif user in reaction["users"]:
        raise SlackError("already_reacted")
    else:
        reaction["users"].append(user)
        reaction["count"] += 1
    call.workspace.reactions_changed(message)
    return {}


METHODS = {
    "api.test": Method(api_test, needs_no_token=True),
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(connections_open, uses_app_token=True),
    "team.info": Method(team_info, ("team:read",)),
    "users.info": Method(users_info, ("users:read",)),
    "users.list": Method(users_list, ("users:read",)),
    "users.lookupByEmail": Method(lookup_by_email, ("users:read.email",)),
    "bots.info": Method(bots_info, ("users:read",)),
    "usergroups.list": Method(usergroups_list, ("usergroups:read",)),
    "usergroups.users.list": Method(usergroups_users, ("usergroups:read",)),
    "reactions.add": Method(reactions_add, ("reactions:write",)),
}
