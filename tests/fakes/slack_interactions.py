"""Slash commands, shortcuts, clicks and modals."""

from __future__ import annotations

import secrets
from typing import Any

from tests.fakes.slack_chat import check_content
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_pushing import Delivery
from tests.fakes.slack_responses import Responses, ResponseUrl
from tests.fakes.slack_talk import Talk
from tests.fakes.slack_values import Channel, Installation, Json, Message, User, View
from tests.fakes.slack_views import check, new_view, trigger, view_json

_STATES = {
    "plain_text_input": "value", "url_text_input": "value", "email_text_input": "value", "number_input": "value",
    "static_select": "selected_option", "external_select": "selected_option", "radio_buttons": "selected_option",
    "overflow": "selected_option", "checkboxes": "selected_options", "multi_static_select": "selected_options",
    "users_select": "selected_user", "channels_select": "selected_channel", "datepicker": "selected_date",
    "conversations_select": "selected_conversation", "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations", "feedback_buttons": "value", "button": "value",
    "icon_button": "value",
}  # fmt: skip


class Interactions(Talk):
    """What people do with the app's own surfaces. Each waits for the acknowledgement and shows its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.responses = Responses(self)

    async def command(self, user: User, channel: Channel, text: str = "", *, command: str = "/askrepo") -> Delivery:
        """Type a slash command; it makes no message and works in no thread."""
        installation = self.installed(user.team)
        assert "commands" in installation.scopes, "without the scope there is no command"
        assert user in channel.members, f"{user.name} is no member of {channel.name}"
        form = {
            "token": "verification-token-is-deprecated",
            "team_id": user.team.id,
            "team_domain": user.team.name,
            "channel_id": channel.id,
            "channel_name": {"im": "directmessage", "mpim": "mpdm", "private": "privategroup"}.get(
                channel.kind, channel.name
            ),
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": self.app.id,
            "is_enterprise_install": str(installation.team is None).lower(),
            "response_url": self.responses.new(installation, channel, user),
            "trigger_id": trigger(self, user, user.team),
        }
        if user.team.enterprise_id:
            form |= {"enterprise_id": user.team.enterprise_id, "enterprise_name": "grid"}
        delivery = await self.pushing.push(Delivery("slash_commands", form))
        if delivery.acknowledged and delivery.answer:
            answer = delivery.answer if isinstance(delivery.answer, dict) else {"text": delivery.answer}
            self._show(ResponseUrl(installation, channel, user, self.clock()), answer)
        return delivery

    def _show(self, url: ResponseUrl, answer: Json) -> None:
        try:
            self.responses.show(url, answer, check_content)
        except SlackError as error:
            self.violated(error.code, "the answer to a command", error.detail)

    def _person(self, user: User) -> Json:
        return {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team.id}

    def _payload(self, kind: str, user: User, installation: Installation, view: View | None = None) -> Json:
        # block_actions payload: "The workspace ID the app is installed on" (Slack's reference of interaction payloads)
        team = user.team if user.team in installation.teams else installation.teams[0]
        grid = {"id": team.enterprise_id, "name": "grid"} if team.enterprise_id else None
        return {
            "type": kind,
            "user": self._person(user),
            "api_app_id": self.app.id,
            "token": "verification-token-is-deprecated",
            "trigger_id": trigger(self, user, user.team, view),
            "team": {"id": team.id, "domain": team.name},
            "enterprise": grid,
            "is_enterprise_install": installation.team is None,
        }

    async def shortcut(self, user: User, message: Message, callback_id: str) -> Delivery:
        """Choose a message shortcut on a post, in a thread or not."""
        installation = self.installed(user.team)
        payload = self._payload("message_action", user, installation) | {
            "callback_id": callback_id,
            "action_ts": self.now_ts(),
            "channel": {"id": message.channel.id, "name": message.channel.name or "directmessage"},
            "message_ts": message.ts,
            "message": self.message_json(message),
            "response_url": self.responses.new(installation, message.channel, user),
        }
        return await self.pushing.push(Delivery("interactive", payload))

    async def clicks(self, user: User, on: Message | View, action_id: str, value: Any = None) -> Delivery:
        """Press a button or choose something on a post, an ephemeral, a modal or a Home tab.

        `value`: of feedback buttons "positive" or "negative"; of a select the value or id that is chosen.
        """
        installation = self._acting(user, on)
        view = on if isinstance(on, View) else None
        blocks = view.content["blocks"] if view else on.blocks if isinstance(on, Message) else []
        modal = view if view and view.content["type"] == "modal" else None
        payload = self._payload("block_actions", user, installation, modal)
        payload |= {"state": {"values": {}}, "actions": [self._action(blocks, action_id, value)]}
        if isinstance(on, Message):
            assert on.ephemeral_to in {None, user}, "somebody else's ephemeral"
            payload |= self._on_message(on, user, installation)
        elif view:
            shown = view_json(self, view, installation)
            payload |= {"container": {"type": "view", "view_id": view.id}, "view": shown}
        return await self.pushing.push(Delivery("interactive", payload))

    def _acting(self, user: User, on: Message | View) -> Installation:
        """Whose app hears of it: in a shared channel somebody else's organisation may not have installed it."""
        try:
            return self.installed(user.team)
        except LookupError:
            if isinstance(on, View):
                raise
            return self.installed(on.channel.team)

    def _on_message(self, message: Message, user: User, installation: Installation) -> Json:
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel.id,
            "is_ephemeral": message.ephemeral_to is not None,
        }
        container |= {"thread_ts": message.thread_ts} if message.thread_ts else {}
        return {
            "container": container,
            "channel": {"id": message.channel.id, "name": message.channel.name or "directmessage"},
            "response_url": self.responses.new(installation, message.channel, user, message),
            **({} if message.ephemeral_to else {"message": self.message_json(message)}),
        }

    def _action(self, blocks: list[Json], action_id: str, value: Any) -> Json:
        for block in blocks:
            for element in [*block.get("elements", []), block.get("accessory"), block.get("element")]:
                if isinstance(element, dict) and element.get("action_id") == action_id:
                    kept = {name: element[name] for name in ("text", "value", "style") if name in element}
                    chosen = self._chosen(element, value)
                    where = {"block_id": block.get("block_id", "b1"), "action_ts": self.now_ts()}
                    return {"action_id": action_id, "type": element["type"], **kept, **chosen, **where}
        raise AssertionError(f"nobody can see a {action_id}")

    def _chosen(self, element: Json, value: Any) -> Json:
        kind = element["type"]
        if kind == "feedback_buttons":
            pressed = element[f"{value}_button"]
            return {"text": pressed["text"], "value": pressed["value"]}
        if kind in {"button", "icon_button"}:
            return {}
        return self._state(element, value)

    def _state(self, element: Json, value: Any) -> Json:
        name = _STATES[element["type"]]
        groups = [option for group in element.get("option_groups", []) for option in group["options"]]
        options = {option["value"]: option for option in [*element.get("options", []), *groups]}
        if value is None:
            value = element.get({"value": "initial_value"}.get(name, name.replace("selected", "initial")))
        elif name == "selected_option" and element["type"] != "external_select":
            value = options[value]
        elif name == "selected_options":
            value = [options[each] for each in value]
        return {name: value}

    async def submits(self, user: User, view: View, **values: Any) -> Delivery:
        """Press the modal's submit with these values, by action_id. Slack would not send what an input forbids."""
        installation = self.installed(user.team)
        assert self.views.get(view.id) is view, "this modal is not open"
        states: Json = {}
        for block in view.content["blocks"]:
            elements = [*block.get("elements", []), block.get("accessory"), block.get("element")]
            for element in elements:
                if isinstance(element, dict) and element.get("type") in _STATES and element["type"] != "button":
                    state = self._state(element, values.pop(element["action_id"], None))
                    self._may_submit(block, element, next(iter(state.values())))
                    states.setdefault(block["block_id"], {})[element["action_id"]] = {"type": element["type"], **state}
        assert not values, f"nobody can see {sorted(values)}"
        shown = view_json(self, view, installation) | {"state": {"values": states}}
        payload = self._payload("view_submission", user, installation, view) | {"view": shown, "response_urls": []}
        delivery = await self.pushing.push(Delivery("interactive", payload))
        if delivery.acknowledged:
            self._answered(view, delivery.answer or {}, installation)
        return delivery

    def _may_submit(self, block: Json, element: Json, value: Any) -> None:
        if block["type"] != "input":
            return
        assert value or block.get("optional"), f"{element['action_id']} must be filled in"
        if element["type"] == "plain_text_input" and value:
            low, high = element.get("min_length", 0), element.get("max_length", 3000)
            assert low <= len(value) <= high, f"{element['action_id']} takes {low} to {high} characters"

    def _answered(self, view: View, answer: Any, installation: Installation) -> None:
        action = answer.get("response_action") if isinstance(answer, dict) else "?"
        try:
            if action == "errors":
                inputs = {block["block_id"] for block in view.content["blocks"] if block["type"] == "input"}
                if not answer.get("errors") or answer["errors"].keys() - inputs:
                    raise SlackError("invalid_view_errors", f"{answer.get('errors')} of {inputs}")
            elif action in {"update", "push"}:
                check(answer["view"], "modal")
                fresh = new_view(installation, view.user, answer["view"], view if action == "push" else None)
                if action == "update":
                    view.content, view.hash = fresh.content, secrets.token_hex(8)
                else:
                    self.views[fresh.id] = fresh
            elif action == "clear":
                self.views = {key: each for key, each in self.views.items() if each.root != view.root}
            elif action is None and not answer:
                del self.views[view.id]
            else:
                raise SlackError("invalid_view_response", f"{answer!r:.80}")
        except SlackError as error:
            self.violated(error.code, "the answer to view_submission", error.detail)
        self.change()

    async def closes(self, user: User, view: View, *, cleared: bool = False) -> Delivery | None:
        """Cancel a modal; the app hears of it only with notify_on_close."""
        installation = self.installed(user.team)
        del self.views[view.id]
        self.change()
        if not view.content.get("notify_on_close"):
            return None
        payload = self._payload("view_closed", user, installation)
        del payload["trigger_id"]
        payload |= {"view": view_json(self, view, installation), "is_cleared": cleared}
        return await self.pushing.push(Delivery("interactive", payload))
