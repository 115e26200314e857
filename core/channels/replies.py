"""The words that answer commands: Markdown, private to whoever gave the command. Failures are worded in wording.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from core.channels.choosing import Facts, Mapping, Rule, Step, Verdict, WorkspaceDefault
from core.channels.preferences import ChannelPreferences
from core.channels.tokens import Applying, StoredToken, TokenRule
from core.conversation.followup import FollowUps
from core.errors import NotMapped
from core.wording import code, sentence

HELP_IN_CHATS = """\
Ask about this channel's code: `/askrepo how does login work?`

- `/askrepo map owner/name` maps this channel to a repository; `… as web` adds an alias, and mapping it again makes it \
the default
- `/askrepo unmap owner/name` removes a mapping
- `/askrepo list` shows what is mapped here
- `/askrepo why` shows how the repository of a question is chosen
- `/askrepo status` shows whether repository and token are in order
- `/askrepo token` shows the token in use; `token set` and `token remove` change it, with `workspace` at the end for \
the whole workspace
- `/askrepo settings` shows who may ask here, and which replies in a thread are answered
- `/askrepo default owner/name` sets the repository of channels without a mapping; `default none` removes it

Begin a question with `in:web` or `in:owner/name` to ask about another repository that is mapped here. \
In a thread, mention me with `stop`, `retry`, `new`, `mute` or `unmute` and nothing else."""

NO_TEXT = "I can read no text in that message. Please ask in its thread, and say there what it shows."

_RULES = {
    Rule.INLINE: "`in:…` in the question",
    Rule.THREAD: "this thread",
    Rule.CHANNEL: "this channel's mapping",
    Rule.WORKSPACE: "the workspace's default",
    Rule.PROCESS: "`ASKREPO_REPO`",
}
_VERDICTS = {
    Verdict.CHOSEN: "chosen",
    Verdict.REFUSED: "may not be used",
    Verdict.NOTHING: "not given",
    Verdict.NOT_REACHED: "not needed",
}
_WHOSE = {
    TokenRule.MAPPING: "the mapping's",
    TokenRule.WORKSPACE: "the workspace's",
    TokenRule.PROCESS: "`ASKREPO_CHAT_TOKEN`",
    TokenRule.EMBEDDED: "none needed, the built-in service answers",
    TokenRule.NONE: "none",
}

_FOLLOW_UPS = {
    FollowUps.ALWAYS: "always, replies in my threads are answered unless they mention somebody else",
    FollowUps.SMART: "smart, replies of those who asked in a thread are answered until others talk there too",
    FollowUps.MENTION: "mention, only what mentions me is answered",
}


def mapped(mapping: Mapping, here: Sequence[Mapping]) -> str:
    """A mapping was made, or made anew; `here` are all of the channel."""
    repository = code(mapping.repository)
    alias = f" `in:{mapping.alias}` at the start of a question names it." if mapping.alias else ""
    waiting = " and ".join(code(each.repository) for each in here if each.suspended)
    others = f" I answer nothing about {waiting} until it is confirmed: `/askrepo list` offers that." if waiting else ""
    default = next((each.repository for each in here if each.is_default), mapping.repository)
    if default == mapping.repository:
        return f"Questions in this channel are about {repository} now.{alias}{others}"
    return (
        f"{repository} is mapped here now.{alias} Questions without `in:` stay with {code(default)}; "
        f"{code('/askrepo map ' + mapping.repository)} once more makes this one the default.{others}"
    )


def unmapped(removed: Mapping, here: Sequence[Mapping]) -> str:
    """A mapping was removed; `here` are those that are left."""
    said = f"{code(removed.repository)} is not mapped here any more."
    heir = next((each for each in here if each.is_default), None)
    if heir is not None and removed.is_default:
        return f"{said} Questions in this channel are about {code(heir.repository)} now."
    return said


def listed(facts: Facts) -> str:
    """The channel's mappings, or what applies without one."""
    if facts.mappings:
        return "\n".join(("Mapped here:", *(f"- {_mapping(each)}" for each in facts.mappings)))
    default = facts.workspace_default
    fallback = default.repository if default is not None else facts.process_repository
    if fallback is None:
        return sentence(NotMapped())
    whose = "the workspace's default" if default is not None else "the default of this installation"
    return f"No repository is mapped here. Questions are about {code(fallback)}, {whose}."


def _mapping(mapping: Mapping) -> str:
    notes = [f"as `{mapping.alias}`"] if mapping.alias else []
    notes += ["default"] if mapping.is_default else []
    notes += ["with its own token"] if mapping.token_id else []
    notes += ["**suspended**"] if mapping.suspended else []
    described = f" ({', '.join(notes)})" if notes else ""
    return f"{code(mapping.repository)}{described}, {_set(mapping.set_by, mapping.set_at)}"


def why(steps: Sequence[Step]) -> str:
    """Each rule of the choosing order, what it named, and what became of it."""
    lines = [f"{number}. {_step(step)}" for number, step in enumerate(steps, 1)]
    end = next((sentence(step.refusal) for step in steps if step.refusal is not None), "")
    if all(step.verdict is Verdict.NOTHING for step in steps):
        end = sentence(NotMapped())
    return "\n".join(("How the repository is chosen; the first rule that names one decides:", *lines)) + (
        f"\n\n{end}" if end else ""
    )


def _step(step: Step) -> str:
    named = "" if step.repository is None else f"{code(step.repository)}, "
    verdict = f"**{_VERDICTS[step.verdict]}**" if step.verdict is Verdict.CHOSEN else _VERDICTS[step.verdict]
    by = "" if step.set_by is None or step.set_at is None else f", {_set(step.set_by, step.set_at)}"
    return f"{_RULES[step.rule]}: {named}{verdict}{by}"


def suspended(mappings: Sequence[Mapping]) -> dict[str, str]:
    """More people read along, so these mappings were suspended: what those who made them are told, by their id."""
    made: dict[str, list[str]] = {}
    for mapping in mappings:
        made.setdefault(mapping.set_by, []).append(code(mapping.repository))
    return {
        maker: f"More people can read that channel now, or may come to. So I answer nothing there about "
        f"{' and '.join(sorted(names))}, which you mapped, until somebody confirms it: run `/askrepo list` there."
        for maker, names in made.items()
    }


def status(repository: str, applying: Applying) -> str:
    """What a question here would be about, and the state of the token it would be sent with."""
    return f"- Repository: {code(repository)}\n- Token: {_token(applying)}"


def token(applying: Applying) -> str:
    """The token in use."""
    return f"Token: {_token(applying)}"


def _token(applying: Applying) -> str:
    whose, stored = _WHOSE[applying.rule], applying.stored
    if stored is None:
        return whose
    return f"{whose}{_stored(stored)}: {_state(stored)}"


def _stored(stored: StoredToken) -> str:
    label = f", {code(stored.label)}" if stored.label else ""
    four = f"ending in {code(stored.last_four)}, " if stored.last_four else ""
    return f"{label} ({four}fingerprint {code(stored.fingerprint)}, {_set(stored.set_by, stored.set_at)})"


def _state(stored: StoredToken) -> str:
    if stored.elsewhere:
        return "**not sent**, it was entered for another service; `/askrepo token set` replaces it"
    if stored.refused_at is not None:
        return f"**refused by the service** on {_time(stored.refused_at)}; `/askrepo token set` replaces it"
    return "in use"


def token_not_by_chat(*, pasted: bool) -> str:
    """Tokens are not taken in a message; `pasted`: one was written into it. For places that have no other way."""
    how = "Whoever runs this bot sets it with `askrepo token set`, where it is typed without being shown."
    return f"{token_pasted() if pasted else 'A token does not belong in a message.'} {how}"


def token_pasted() -> str:
    """Somebody wrote a token into a message."""
    return (
        "A token does not belong in a message. I did not use or store it, but others may have seen it: have it revoked "
        "where it was issued."
    )


def question_with_token() -> str:
    """Somebody wrote a token into what they ask."""
    return f"{token_pasted()} Then ask again without it."


def token_removed(*, of_workspace: bool) -> str:
    """A stored token was removed."""
    return f"The token of this {'workspace' if of_workspace else 'channel'} is removed."


def no_token(*, of_workspace: bool) -> str:
    """There is no stored token to remove."""
    return f"This {'workspace' if of_workspace else 'channel'} has no token of its own."


def settings(preferences: ChannelPreferences, default: WorkspaceDefault | None, *, people: bool = True) -> str:
    """What an admin set for this channel; of the instructions only that there are some.

    `people`: whether the platform tells guests, and people of other organisations, from members.
    """
    characters = len(preferences.instructions or "")
    others = (
        f"Guests: {_may_ask(allowed=preferences.guests)}",
        f"People of other organisations: {_may_ask(allowed=preferences.outsiders)}",
    )
    lines = (
        f"Follow-ups: {_FOLLOW_UPS[preferences.follow_ups]}",
        *(others if people else ()),
        f"Model: {'the default one' if preferences.model is None else code(preferences.model)}",
        f"Instructions: {f'{characters:,} characters' if characters else 'none'}",
        f"The workspace's default repository: {'none' if default is None else code(default.repository)}",
    )
    return "\n".join(("Settings of this channel:", *(f"- {line}" for line in lines)))


def _may_ask(*, allowed: bool) -> str:
    return "may ask" if allowed else "may not ask"


def default_set(repository: str | None) -> str:
    """The workspace's default was set, or removed."""
    if repository is None:
        return "This workspace has no default repository any more; channels with a mapping stay with theirs."
    return f"Questions in channels without a mapping, and in direct messages, are about {code(repository)} now."


def denied(right: str) -> str:
    """The command needs a right; `right` is its name on the platform, such as 'Manage Channels'."""
    return f"That needs a right you do not have here: {right}. Ask somebody who has it."


def _set(by: str, at: datetime) -> str:
    return f"set by {code(by)} on {_time(at)}"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
