// Names for the ids of users, channels and groups, as the current user sees them.

function membershipOf(user) {
  if (user?.is_stranger) return "external";
  return user?.is_restricted ? "guest" : null;
}

export class Names {
  constructor(state) {
    this.me = state.me?.id ?? state.me;
    this.state = state;
    this.userById = new Map(state.users.map((user) => [user.id, user]));
  }

  person(id) {
    return this.userById.get(id) ?? null;
  }

  user(id) {
    const user = this.person(id);
    if (user) return user.real_name || user.name;
    return id === this.state.bot.user_id ? this.state.bot.name : id;
  }

  channel(id) {
    return this.state.channels.find((channel) => channel.id === id)?.name ?? id;
  }

  /** The other member of a direct message; for people that is the app. */
  partner(channel) {
    return channel.members?.find((id) => id !== this.me) ?? this.state.bot.user_id;
  }

  usergroup(id) {
    return this.state.usergroups.find((group) => group.id === id)?.handle ?? id;
  }

  isInGroup(id) {
    return (
      this.state.usergroups.find((group) => group.id === id)?.users?.includes(this.me) ?? false
    );
  }

  users() {
    return this.state.users.filter((user) => !user.is_bot);
  }

  channels() {
    return this.state.channels.filter((channel) => !channel.is_im);
  }

  /** An author's name, with what the badges beside it show. */
  author(message) {
    const bot = this.state.bot;
    const isApp = Boolean(message.bot_id) || message.user === bot.user_id;
    const user = this.person(message.user);
    const name =
      (isApp && message.username) ||
      user?.real_name ||
      user?.name ||
      (isApp ? bot.name : message.username) ||
      message.user ||
      "Unknown";
    return {
      name,
      isApp: isApp || Boolean(user?.is_bot),
      membership: membershipOf(user),
      color: user?.color ?? null,
      key: message.user ?? message.bot_id ?? name,
    };
  }

  /** Whether this text mentions the current user. */
  mentionsMe(text) {
    if (!text) return false;
    if (text.includes(`<@${this.me}>`) || text.includes(`<@${this.me}|`)) return true;
    if (/<!(channel|here|everyone)/.test(text)) return true;
    return [...text.matchAll(/<!subteam\^([A-Z0-9]+)/g)].some(([, id]) => this.isInGroup(id));
  }
}
