"""What every platform has to show: one suite of behaviours, run against each of them by a few lines.

    class TestSlack(PlatformContract):
        platform = "Slack"
        capabilities = frozenset({Capability.SEVERAL_PEOPLE, …})

        @pytest.fixture
        async def place(self, …) -> AsyncIterator[Place]: …     # mapped to REPOSITORY
        @pytest.fixture
        async def unmapped(self, …) -> AsyncIterator[Place]: …
        @pytest.fixture
        async def mortal(self, …) -> AsyncIterator[Mortal]: …   # in a process of its own

Of `Place`, a platform provides what its capabilities need; behaviours that need more are not run there, and the table
of `python -m tests.platform_contract` says so.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from core.channels.grammar import ThreadWord
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, Reply, chunked, event, head, piece, refuses, says, sends

REPOSITORY = "github.com/acme/widgets"
OTHER = "github.com/acme/gadgets"
NOT_ANSWERED = re.compile("not answered|failed")  # in a footer
FIRST_TOKEN_SECONDS = 1.0  # after which a place gives a service up that does not begin to answer

Test = TypeVar("Test", bound=Callable[..., object])


class Capability(StrEnum):
    """What a platform has that another may lack."""

    SEVERAL_PEOPLE = "several people talk in one thread"
    MEANWHILE = "people write while an answer runs"
    SAME_POST = "a post can be changed after it was written"
    EDITS = "people edit and delete what they wrote"
    BUTTONS = "posts have buttons"
    COMMANDS = "commands ask in front of everybody"
    DIRECT = "people write to the bot alone"
    CALLED_LATE = "the bot is called into a thread that others began"
    FILES = "questions come with files"
    AT_LEAST_ONCE = "the platform may deliver one message several times"
    BOTS = "other bots write there"
    LINKS = "links and mentions are live"


class Person(StrEnum):
    """Who speaks. Alice may map repositories."""

    ALICE = "alice"
    BOB = "bob"


@dataclass(frozen=True, slots=True)
class Post:
    """A post of ours as people read it. `id` stays when it is changed; `footer` is empty until it is finished."""

    id: str
    text: str
    footer: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence that one person is told in private. `offers`: the labels of its buttons."""

    text: str
    offers: tuple[str, ...] = ()


class Place(Protocol):
    """A channel with Alice and Bob in it, and askrepo at work. A thread is known by a string of the platform's."""

    chat: FakeChat

    async def ask(self, text: str, by: Person = Person.ALICE, *, files: Sequence[tuple[str, bytes]] = ()) -> str:
        """Begin a thread with a question; returns once the platform's message was taken."""
        ...

    async def reply(self, thread: str, text: str, by: Person = Person.ALICE, *, called: bool = False) -> None:
        """Write in a thread; `called`: the bot is addressed."""
        ...

    async def steer(self, thread: str, word: ThreadWord, by: Person = Person.ALICE) -> None:
        """Say one of the words that steer a thread."""
        ...

    def posts(self, thread: str) -> list[Post]:
        """What of ours stands in the thread, in order."""
        ...

    def told(self, person: Person = Person.ALICE) -> list[Told]:
        """What this person was told in private, in order."""
        ...

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until what people see satisfies `seen`; raises TimeoutError or AssertionError if it never does."""
        ...

    async def map(self, repository: str, alias: str | None = None) -> None:
        """Map the channel to a repository."""
        ...

    async def talk(self, text: str, by: Person) -> str:
        """SEVERAL_PEOPLE, CALLED_LATE: begin a thread without addressing the bot."""
        ...

    async def edit(self, thread: str, text: str, *, called: bool = True) -> None:
        """EDITS: Alice changes the words that began the thread; `called`: they address the bot now."""
        ...

    async def delete(self, thread: str) -> None:
        """EDITS: Alice deletes the words that began the thread."""
        ...

    async def press(self, thread: str, label: str, by: Person = Person.ALICE) -> None:
        """BUTTONS: press the button of this label under the newest post of the thread."""
        ...

    async def map_from_notice(self, repository: str) -> None:
        """BUTTONS: press what Alice's last notice offers, and map this repository there."""
        ...

    async def command(self, text: str, by: Person = Person.ALICE) -> str:
        """COMMANDS: ask by a command; the thread that it begins."""
        ...

    async def ask_directly(self, text: str) -> str:
        """DIRECT: Alice asks the bot alone, the workspace's default being REPOSITORY."""
        ...

    async def deliver_again(self, times: int) -> None:
        """AT_LEAST_ONCE: all that was delivered so far is delivered so many times more."""
        ...

    async def bot_says(self, text: str) -> str:
        """BOTS: another bot addresses ours; the thread."""
        ...

    def notified(self, thread: str) -> set[str]:
        """LINKS: who got a ping by a post of ours in the thread."""
        ...

    def links(self, thread: str) -> list[tuple[str, str]]:
        """LINKS: label and target of each link that can be clicked in our posts of the thread."""
        ...


class Mortal(Place, Protocol):
    """A place whose askrepo is a process of its own."""

    async def kill(self) -> None:
        """End the process at once, as a power failure does, and let the lease of what it held be over."""
        ...

    async def start(self) -> None:
        """Run it again, with what it had stored."""
        ...


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One line of the parity table."""

    line: str
    needs: frozenset[Capability]


BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(line: str, *needs: Capability) -> Callable[[Test], Test]:
    """Name what a test shows, in a line for people who choose a platform."""

    def named(test: Test) -> Test:
        BEHAVIOURS[test.__name__] = Behaviour(line, frozenset(needs))
        return test

    return named


def holding(before: str, after: str, go_on: asyncio.Event) -> Reply:
    """An answer that stops in the middle until the test lets it go on."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Transfer-Encoding: chunked") + chunked(event(piece("", role="assistant"))))
        await exchange.send(chunked(event(piece(before))))
        await go_on.wait()
        await exchange.send(chunked(event(piece(after))) + chunked(event(piece(finish="stop"))))
        await exchange.send(chunked(event("[DONE]")) + chunked(b""))
        await exchange.finish("keep")

    return reply


async def answered(place: Place, thread: str, number: int = 1) -> list[Post]:
    """Wait until the thread holds so many finished answers and nothing unfinished: our posts in it."""

    def finished() -> bool:
        return sum(bool(post.footer) for post in place.posts(thread)) >= number

    await place.until(finished)
    return place.posts(thread)


async def shows(place: Place, thread: str, text: str) -> None:
    """Wait until a post of the thread shows this text."""
    await place.until(lambda: any(text in post.text for post in place.posts(thread)))


def asked(place: Place) -> list[list[str]]:
    """What the service was asked, request by request: the user's messages since the last answer."""
    return [request.questions for request in place.chat.requests]


class PlatformContract:
    """The behaviours. Where one names no capability, every platform has it."""

    platform: ClassVar[str]
    capabilities: ClassVar[frozenset[Capability]]

    def __init_subclass__(cls) -> None:
        for name, each in BEHAVIOURS.items():
            if not each.needs <= cls.capabilities:
                setattr(cls, name, None)

    # one question

    @behaviour("A question is answered in the place that asked, by the repository mapped there.")
    async def test_answers(self, place: Place) -> None:
        place.chat.will(says("It lives in ", "`core/login.py`.\n\n", "And nowhere else."))
        thread = await place.ask("where is login?")
        (post,) = await answered(place, thread)
        assert "core/login.py" in post.text
        assert "And nowhere else." in post.text
        (request,) = place.chat.requests
        assert (request.repository, request.questions) == (REPOSITORY, ["where is login?"])

    @behaviour("Under each answer stand the repository, the model and the time it took.")
    async def test_footer(self, place: Place) -> None:
        (post,) = await answered(place, await place.ask("where?"))
        assert REPOSITORY in post.footer
        assert "gpt-4o" in post.footer
        assert re.search(r"\d ?s", post.footer)

    @behaviour("A long answer arrives whole and in order, however many posts it takes.")
    async def test_long_answer(self, place: Place) -> None:
        sentences = [f"Sentence {number:04d} of a long answer. " for number in range(300)]
        place.chat.will(says(*("".join(sentences[at : at + 20]) + "\n\n" for at in range(0, 300, 20))))
        posts = await answered(place, await place.ask("tell me everything"))
        shown = " ".join("\n".join(post.text for post in posts).split())
        found = [shown.find(sentence.strip()) for sentence in sentences]
        assert -1 not in found
        assert found == sorted(found)
        assert [bool(post.footer) for post in posts] == [False] * (len(posts) - 1) + [True]

    @behaviour("An answer can be read while it is still being written.")
    async def test_grows(self, place: Place) -> None:
        go_on = asyncio.Event()
        place.chat.will(holding("The beginning.\n\n", "The end.", go_on))
        thread = await place.ask("tell me")
        await shows(place, thread, "The beginning.")
        assert not any("The end." in post.text for post in place.posts(thread))
        go_on.set()
        (post,) = await answered(place, thread)
        assert post.text.index("The beginning.") < post.text.index("The end.")

    @behaviour("An answer pings nobody and hides no link's target, whatever the service wrote.", Capability.LINKS)
    async def test_harmless(self, place: Place) -> None:
        hostile = "Ask @everyone, <!here>, <!channel|x>, @here or [the docs](https://evil.example/steal?x=1).\n\n"
        place.chat.will(
            says(hostile, "Or <https://evil.example/a|https://good.example>.\n\n```\n<!channel> [a](b)\n```")
        )
        thread = await place.ask("who knows?")
        await answered(place, thread)
        assert place.notified(thread) == set()
        assert [label for label, target in place.links(thread) if "evil" in target and "evil" not in label] == []

    @behaviour("`in:name` at the beginning of a question chooses among the repositories of the channel.")
    async def test_inline(self, place: Place) -> None:
        await place.map(OTHER, "gadgets")
        (post,) = await answered(place, await place.ask("in:gadgets what is it?"))
        assert OTHER in post.footer
        assert [(each.repository, each.questions) for each in place.chat.requests] == [(OTHER, ["what is it?"])]

    @behaviour("A text file that comes with a question is read; what cannot be read is named.", Capability.FILES)
    async def test_files(self, place: Place) -> None:
        files = [("trace.txt", b"KeyError: 'user'\n"), ("screen.png", b"\x89PNG\0")]
        (post,) = await answered(place, await place.ask("what is this?", files=files))
        assert "KeyError: 'user'" in asked(place)[0][0]
        assert "screen.png" in post.text

    @behaviour("A command shows its question to everybody, and is answered below it.", Capability.COMMANDS)
    async def test_command(self, place: Place) -> None:
        place.chat.will(says("In the router."))
        thread = await place.command("where are routes?")
        (post,) = await answered(place, thread)
        assert "In the router." in post.text

    @behaviour("The bot answers in a direct message, by the workspace's default repository.", Capability.DIRECT)
    async def test_direct(self, place: Place) -> None:
        thread = await place.ask_directly("does it?")
        await answered(place, thread)
        assert asked(place) == [["does it?"]]

    # a conversation

    @behaviour("A follow-up is asked with the conversation so far.")
    async def test_follow_up(self, place: Place) -> None:
        place.chat.will(says("One."), says("Two."))
        thread = await place.ask("first?")
        await answered(place, thread)
        await place.reply(thread, "and then?")
        await answered(place, thread, 2)
        contents = [message["content"] for message in place.chat.requests[1].messages]
        assert contents == ["first?", "One.", "and then?"]

    @behaviour("`new` begins afresh: what was said before does not count any more.")
    async def test_new(self, place: Place) -> None:
        thread = await place.ask("first?")
        await answered(place, thread)
        await place.steer(thread, ThreadWord.NEW)
        await place.reply(thread, "second?", called=True)
        await answered(place, thread, 2)
        assert [len(request.messages) for request in place.chat.requests] == [1, 1]

    @behaviour("A thread stays on its repository; switching it by `in:name` is announced.")
    async def test_switching(self, place: Place) -> None:
        await place.map(OTHER, "gadgets")
        thread = await place.ask("in:gadgets first?")
        await answered(place, thread)
        await place.reply(thread, "second?")
        await answered(place, thread, 2)
        await place.reply(thread, f"in:{REPOSITORY} third?", called=True)
        *_, last = await answered(place, thread, 3)
        assert [request.repository for request in place.chat.requests] == [OTHER, OTHER, REPOSITORY]
        assert f"This thread is about {REPOSITORY} from here on." in last.text.replace("`", "")

    @behaviour("Anybody in the channel can go on with the conversation.", Capability.SEVERAL_PEOPLE)
    async def test_second_person(self, place: Place) -> None:
        thread = await place.ask("first?")
        await answered(place, thread)
        await place.reply(thread, "second?", Person.BOB, called=True)
        await answered(place, thread, 2)
        await place.reply(thread, "third?", Person.BOB)
        await answered(place, thread, 3)
        assert asked(place) == [["first?"], ["second?"], ["third?"]]
        assert len(place.chat.requests[2].messages) == 5

    @behaviour(
        "People who talk to each other in a thread are left alone until the bot is called.", Capability.SEVERAL_PEOPLE
    )
    async def test_crowded(self, place: Place) -> None:
        thread = await place.ask("first?")
        await answered(place, thread)
        await place.reply(thread, "I know that one", Person.BOB)
        await place.reply(thread, "really?")
        await place.reply(thread, "second?", called=True)
        await answered(place, thread, 2)
        assert asked(place) == [["first?"], ["second?"]]

    @behaviour(
        "`mute` keeps the bot silent in a thread until it is called; `unmute` ends that.", Capability.SEVERAL_PEOPLE
    )
    async def test_mute(self, place: Place) -> None:
        thread = await place.ask("first?")
        await answered(place, thread)
        await place.steer(thread, ThreadWord.MUTE)
        await place.reply(thread, "nobody hears this")
        await place.reply(thread, "second?", called=True)
        await answered(place, thread, 2)
        await place.reply(thread, "nor this")
        await place.steer(thread, ThreadWord.UNMUTE)
        await place.reply(thread, "third?")
        await answered(place, thread, 3)
        assert asked(place) == [["first?"], ["second?"], ["third?"]]

    @behaviour("Talk that does not address the bot begins no thread with it.", Capability.SEVERAL_PEOPLE)
    async def test_not_for_us(self, place: Place) -> None:
        thread = await place.talk("where is lunch?", Person.BOB)
        await place.reply(thread, "where indeed?")
        await answered(place, await place.ask("where is login?"))
        assert asked(place) == [["where is login?"]]
        assert place.posts(thread) == []

    @behaviour("Called late into a thread, the bot reads what was said there before.", Capability.CALLED_LATE)
    async def test_called_late(self, place: Place) -> None:
        thread = await place.talk("Login fails with error 4711.", Person.BOB)
        await place.reply(thread, "Only on Mondays.", Person.BOB)
        await place.reply(thread, "why?", called=True)
        await answered(place, thread)
        ((question,),) = asked(place)
        assert question.startswith("why?")
        assert question.index("error 4711") < question.index("Only on Mondays.")

    @behaviour("Other bots are ignored, so that two never talk to each other without end.", Capability.BOTS)
    async def test_bots(self, place: Place) -> None:
        thread = await place.bot_says("do you know?")
        await answered(place, await place.ask("where is login?"))
        assert asked(place) == [["where is login?"]]
        assert place.posts(thread) == []

    # while it runs, and after

    @behaviour("`stop` ends an answer; what came of it stays.")
    async def test_stop(self, place: Place) -> None:
        place.chat.will(holding("The beginning.\n\n", "Never seen.", asyncio.Event()))
        thread = await place.ask("tell me everything")
        await shows(place, thread, "The beginning.")
        await place.steer(thread, ThreadWord.STOP)
        (post,) = await answered(place, thread)
        assert "The beginning." in post.text
        assert "Stopped, as you asked." in post.text
        assert "stopped" in post.footer
        assert "Never seen." not in post.text
        await asyncio.wait_for(place.chat.requests[0].disconnected.wait(), 5)  # the fake may be told after the people

    @behaviour("What is asked while an answer runs is answered after it: together, and in order.", Capability.MEANWHILE)
    async def test_meanwhile(self, place: Place) -> None:
        go_on = asyncio.Event()
        place.chat.will(holding("The first ", "answer.", go_on), says("The second."))
        thread = await place.ask("one?")
        await place.chat.arrival()
        for text in ("two?", "three?"):
            await place.reply(thread, text)
        go_on.set()
        posts = await answered(place, thread, 2)
        assert ["The first answer." in posts[0].text, "The second." in posts[1].text] == [True, True]
        assert asked(place) == [["one?"], ["two?", "three?"]]

    @behaviour("`retry` asks the last question again.")
    async def test_retry(self, place: Place) -> None:
        place.chat.will(says("First."), says("Second."))
        thread = await place.ask("one?")
        await answered(place, thread)
        await place.steer(thread, ThreadWord.RETRY)
        await shows(place, thread, "Second.")
        await answered(place, thread)
        assert [questions[-1] for questions in asked(place)] == ["one?", "one?"]

    @behaviour("An answer that is retried is shown anew in its own post.", Capability.SAME_POST)
    async def test_retry_same_post(self, place: Place) -> None:
        place.chat.will(says("First."), says("Second."))
        thread = await place.ask("one?")
        (before,) = await answered(place, thread)
        await place.steer(thread, ThreadWord.RETRY)
        await shows(place, thread, "Second.")
        (after,) = await answered(place, thread)
        assert after.id == before.id
        assert "First." not in after.text
        assert [len(request.messages) for request in place.chat.requests] == [1, 1]

    @behaviour("Buttons under an answer stop it and ask again.", Capability.BUTTONS)
    async def test_buttons(self, place: Place) -> None:
        place.chat.will(holding("The beginning.\n\n", "", asyncio.Event()), says("Second."))
        thread = await place.ask("one?")
        await shows(place, thread, "The beginning.")
        await place.press(thread, "Stop")
        (post,) = await answered(place, thread)
        assert "Stopped, as you asked." in post.text
        await place.press(thread, "Retry")
        await shows(place, thread, "Second.")
        (post,) = await answered(place, thread)
        assert "The beginning." not in post.text

    @behaviour("A question edited while it is answered is answered as it is now, in the same place.", Capability.EDITS)
    async def test_edit(self, place: Place) -> None:
        place.chat.will(holding("About the old one.\n\n", "", asyncio.Event()), says("About the new one."))
        thread = await place.ask("old?")
        await shows(place, thread, "About the old one.")
        await place.edit(thread, "new?")
        await shows(place, thread, "About the new one.")
        (post,) = await answered(place, thread)
        assert "old one" not in post.text
        assert asked(place) == [["old?"], ["new?"]]

    @behaviour("Editing an answered question offers to ask again, and asks nothing by itself.", Capability.EDITS)
    async def test_edit_after(self, place: Place) -> None:
        thread = await place.ask("old?")
        await answered(place, thread)
        await place.edit(thread, "new?")
        await place.until(lambda: bool(place.told()))
        assert [told.offers for told in place.told()] == [("Ask again",)]
        assert asked(place) == [["old?"]]

    @behaviour("Addressing the bot by an edit asks.", Capability.EDITS)
    async def test_edit_calls(self, place: Place) -> None:
        thread = await place.talk("where is login?", Person.ALICE)
        await place.edit(thread, "where is login?", called=True)
        await answered(place, thread)
        assert asked(place) == [["where is login?"]]

    @behaviour("Deleting a question stops its answer.", Capability.EDITS)
    async def test_delete(self, place: Place) -> None:
        place.chat.will(holding("The beginning.\n\n", "Never seen.", asyncio.Event()))
        thread = await place.ask("my secret?")
        await shows(place, thread, "The beginning.")
        await place.delete(thread)
        await shows(place, thread, "Stopped, because the question was deleted.")
        assert not any("Never seen." in post.text for post in place.posts(thread))
        await asyncio.wait_for(place.chat.requests[0].disconnected.wait(), 5)  # the fake may be told after the people

    # what goes wrong

    @behaviour("Where no repository is mapped, whoever asks is told so and how to map one.")
    async def test_unmapped(self, unmapped: Place) -> None:
        thread = await unmapped.ask("where is login?")
        await unmapped.until(lambda: any("is mapped here yet" in told.text for told in unmapped.told()))
        assert "map" in unmapped.told()[-1].text
        assert unmapped.posts(thread) == []
        assert unmapped.chat.requests == []

    @behaviour("Once the missing repository is mapped by the button, the question runs by itself.", Capability.BUTTONS)
    async def test_mapped_then_answered(self, unmapped: Place) -> None:
        thread = await unmapped.ask("where is login?")
        await unmapped.until(lambda: bool(unmapped.told()))
        await unmapped.map_from_notice(REPOSITORY)
        (post,) = await answered(unmapped, thread)
        assert REPOSITORY in post.footer
        assert ["where is login?"] in asked(unmapped)

    @behaviour("A refused token is told once, with what to do about it.")
    async def test_refused_token(self, place: Place) -> None:
        place.chat.will(refuses(401, code="invalid_api_key"))
        (post,) = await answered(place, await place.ask("where?"))
        assert "refused the token" in post.text
        assert "replace it with" in post.text
        assert NOT_ANSWERED.search(post.footer)
        assert len(place.chat.requests) == 1

    @behaviour("A repository that the service does not know is named.")
    async def test_unknown_repository(self, place: Place) -> None:
        place.chat.will(refuses(404, code="repository_not_found", param="repository"))
        (post,) = await answered(place, await place.ask("where?"))
        assert REPOSITORY in post.text
        assert len(place.chat.requests) == 1

    @behaviour("A brief outage of the service delays the answer but does not lose it.")
    async def test_service_away_shortly(self, place: Place) -> None:
        place.chat.will(sends(b"", "reset"), says("Here it is."))
        (post,) = await answered(place, await place.ask("where?"))
        assert "Here it is." in post.text
        assert not NOT_ANSWERED.search(post.footer)

    @behaviour("A service that stays away is told once, with what to do about it.")
    async def test_service_away(self, place: Place) -> None:
        place.chat.will(*[refuses(503)] * 3)
        (post,) = await answered(place, await place.ask("where?"))
        assert "cannot be reached" in post.text
        assert "try again" in post.text
        assert NOT_ANSWERED.search(post.footer)

    @behaviour("An answer that breaks off keeps what had arrived, and says that it is cut off.")
    async def test_breaks_off(self, place: Place) -> None:
        pieces = head(200, "Transfer-Encoding: chunked") + chunked(event(piece("Half of it.\n\n")))
        place.chat.will(sends(pieces, "reset"))
        (post,) = await answered(place, await place.ask("where?"))
        assert post.text.count("Half of it.") == 1
        assert "The answer is cut off here." in post.text

    @behaviour("A service that does not begin to answer is given up, and that is told.")
    async def test_timeout(self, place: Place) -> None:
        place.chat.will(*[sends(b"", "stall")] * 3)
        (post,) = await answered(place, await place.ask("where?"))
        assert "did not begin to answer" in post.text
        assert NOT_ANSWERED.search(post.footer)

    @behaviour("After a failure the conversation goes on.")
    async def test_goes_on(self, place: Place) -> None:
        place.chat.will(refuses(400, code="bad"), says("Fine."))
        thread = await place.ask("one?")
        await answered(place, thread)
        await place.reply(thread, "two?")
        *_, last = await answered(place, thread, 2)
        assert "Fine." in last.text

    @behaviour("A message that the platform delivers several times is one question.", Capability.AT_LEAST_ONCE)
    async def test_delivered_again(self, place: Place) -> None:
        thread = await place.ask("where?")
        await place.deliver_again(3)
        await answered(place, thread)
        await place.deliver_again(2)
        await place.reply(thread, "and then?")
        assert len(await answered(place, thread, 2)) == 2
        assert asked(place) == [["where?"], ["and then?"]]

    @behaviour("A process killed in mid-answer and started again gives one answer, in the same place.")
    async def test_killed(self, mortal: Mortal) -> None:
        mortal.chat.will(holding("The beginning.\n\n", "", asyncio.Event()), says("The beginning.\n\n", "The end."))
        thread = await mortal.ask("where?")
        await shows(mortal, thread, "The beginning.")
        await mortal.kill()
        await mortal.start()
        await shows(mortal, thread, "The end.")
        (post,) = await answered(mortal, thread)
        assert post.text.count("The beginning.") == 1
        assert asked(mortal) == [["where?"], ["where?"]]


def platforms() -> list[type[PlatformContract]]:
    """Every platform that has the suite run against it, by the module `test_contract` in its folder."""
    for path in sorted(Path(__file__).parent.glob("*/test_contract.py")):
        importlib.import_module(f"tests.{path.parent.name}.{path.stem}")
    return sorted(PlatformContract.__subclasses__(), key=lambda each: each.platform)


def table() -> Iterator[str]:
    """The parity table, as Markdown."""
    found = platforms()
    yield " | ".join(["| behaviour", *(each.platform for each in found)]) + " |"
    yield "| --- |" + " :-: |" * len(found)
    for each in BEHAVIOURS.values():
        yield " | ".join([f"| {each.line}", *("✓" if each.needs <= p.capabilities else "–" for p in found)]) + " |"


if __name__ == "__main__":
    known = importlib.import_module("tests.platform_contract")  # not this module: the platforms know that one
    sys.stdout.writelines(f"{line}\n" for line in known.table())
