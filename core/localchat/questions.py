"""What is asked, from the conversation sent along."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.chat.contract import Message
from core.localchat import citations, terms
from core.localchat.citations import Citation
from core.localchat.stems import stem
from core.localchat.stopwords import STOPWORDS

_MOST_CHARACTERS = 20_000  # of one message; a pasted log says what it says within that
_LONGEST_ANSWER = 100_000
_MOST_TERMS = 64
_EARLIER_TURNS = 4
_POINTED, _NEAR, _FAR = 0.7, 0.4, 0.12  # an earlier turn's terms: "it" points at them; few own terms; stands alone
_DECAY = 0.5  # for each further turn back
_COMPOUND = 0.6  # `rate limit` also looks for `rate_limit`
_SELF_CONTAINED = 3  # own terms; with fewer a question leans on what came before

_BACKTICKED = re.compile(r"(?<!`)`+([^`\n]{1,200})`+")
_DOTTED = re.compile(r"[^\W\d]\w*(?:(?:\.|::|->|#)[^\W\d]\w*)*")
_JOINT = re.compile(r"\.|::|->|#")
_CODE_LIKE = re.compile(
    r"\b[A-Za-z_]\w*(?:(?:\.|::|->|#)[A-Za-z_]\w*)+|\b[A-Za-z_]\w*(?=\()|\b\w*_\w+\b|\b\w*[a-z][A-Z]\w*\b"
)
_CAPITAL = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z]\w+")

_USE = r"(?:call|use|invoke|import|reference|instantiate|construct|consume|trigger|raise|throw|subclass|inherit|catch)"
_USES = rf"(?:{_USE}s?|depends?\s+(?:up)?on|rel(?:y|ies)\s+on)"
_USED = r"(?:called|used|invoked|imported|referenced|instantiated|constructed|consumed|triggered|raised|thrown|caught)"
_HELPERS = r"(?:do|does|did|is|are|can|could|should|will|would|we|you|i)\b"
_CALLERS = re.compile(
    rf"\b(?:who|what|which(?:\s+(?!{_HELPERS})\w+){{0,3}}?)\s+(?:else\s+|all\s+|actually\s+)?{_USES}\b(?!\s+(?:do|does|did|is|are|can)\b)"
    rf"|\b(?:callers?|usages?|uses|call[- ]?sites?|references)\s+(?:of|to|for)\b"
    rf"|\b(?:its|their)\s+(?:callers|usages|uses)\b"
    rf"|\b{_USED}\s+(?:by\s+(?:who|what|which|any)|from\s+(?:where|any)|anywhere|elsewhere|else)\b"
    rf"|\b(?:anyone|anybody|anything|someone|something)\s+(?:else\s+)?(?:{_USES}|using|calling|importing)\b"
    r"|^\W*(?:and\s+)?(?:the\s+)?(?:callers?|usages?|call[- ]?sites?)\W*$",
    re.IGNORECASE,
)
_MEANING = re.compile(
    r"\b(?:what|how)\s+do(?:es)?\b.{0,80}\b(?:do|mean|work)\b|\b(?:define[sd]?|definition|describe|explain)\b",
    re.IGNORECASE,
)
_WHERE = tuple(
    (re.compile(first, re.IGNORECASE), re.compile(rf"\b{then}\b", re.IGNORECASE))
    for first, then in ((r"\bwhere\b", _USED), (r"\bwhere\s+(?:do|does|did|are|is)\b", _USE))
)  # the second somewhere behind the first: one pattern for both would look through the text again from every `where`
_TESTS = re.compile(r"\b(?:tests?|tested|testing|specs?|fixtures?)\b", re.IGNORECASE)
_WHOLE = re.compile(r"\b(?:project|repo|repository|codebase|code ?base|library|application|app)\b", re.IGNORECASE)
_ALL_OF_IT = re.compile(rf"{_WHOLE.pattern}|\b(?:code|languages?|source|this)\b", re.IGNORECASE)
_OVERVIEW = """
architecture brief goal high introduction language layout level main organise organize overview programming purpose
quick short stack structure structured summarise summarize summary tech technologies written
"""
_OVERVIEW_WORDS = frozenset(stem(word) for word in _OVERVIEW.split())
_LANGUAGE = stem("language")
_CHANGE = r"(?:added|authored|changed|committed|created|introduced|modified|removed|touched|written|wrote)"
_HISTORY = re.compile(
    r"(?:^|[.!?]\s|\n)\W{0,9}(?:(?:and|but|hey|hi|so)\W{1,9})?(?:"
    rf"who\s+(?:last\s+)?{_CHANGE}\b|when\s+(?:was|were)\b.{{0,80}}\b{_CHANGE}\b"
    rf"|what(?:'s|\s+(?:is|are|has|have|was|were))?\s+(?:been\s+)?(?:new|{_CHANGE})"
    r"\s+(?:lately|recently|since|today|yesterday)\b|what\s+(?:has\s+|have\s+)?changed(?:\s+in\b|\W*$)"
    r"|(?:what|which|who|show|list)\b.{0,40}\b(?:last|latest|most\s+recent|newest|recent)\s+(?:commits?|changes?)\W*$)",
    re.IGNORECASE,
)  # not every `who changed`: "where do we store who changed it" is answered by code
_PROSE = re.compile(r"\b(?:docs?|documentation|documented|readme|changelog|manual|guide|tutorial)\b", re.IGNORECASE)
_HOW_TO = re.compile(
    r"\bhow\s+(?:to|(?:do|can|could|should|would|must)\s+(?:i|we|you|one|people|users?))\s+(?:\w+\s+)?"
    r"(?:build|configure|deploy|install|launch|run|set\s*-?up|start|update|upgrade|use)\b",
    re.IGNORECASE,
)
_ASKING = "call caller use usage invoke import reference instantiate site function method class module"
_ASKING_WORDS = frozenset(stem(word) for word in _ASKING.split())
DEFINING_WORDS = _ASKING_WORDS | {stem(word) for word in ("constant", "declare", "define", "definition", "type")}
_OF = r"(?:(?:function|class|method|constant|type|module)\s+)?"
_CODE = r"(?:code|definition|implementation|source)"
_ABOUT = re.compile(
    rf"\b(?:(?:what|where|how)(?:\s+(?:is|are|do|does)|['’]s)|describe|explain|find|show(?:\s+me)?|{_CODE}\s+(?:of|for))"
    rf"\s+(?:the\s+)?{_OF}(?!{_CODE}\b)`*({_DOTTED.pattern})|^\W*(\w+)\W*$",
    re.IGNORECASE,
)
_DEFINED = re.compile(
    rf"\b(?:where(?:\s+is|['’]s)|(?:what|how)\s+does)\s+(?:the\s+)?{_OF}(\w+)"
    r"(?:\s+(?:defined|declared|implemented|do|work)\b|\W*$)",
    re.IGNORECASE,
)
_POINTING = re.compile(
    r"\b(?:it|its|itself|these|those|them|they|their)\b|\bthis\b(?!\s+(?:repo|repository|project|code|codebase)\b)"
    r"|\b(?:calls?|uses?|invokes?|imports?|references?|of|to|for|is|about|with|from|does|do|did|are|was|on)\s+that\b"
    r"|^\W*(?:and|but|so|also|what about|how about)\b",
    re.IGNORECASE,
)  # not every `that`: in "the function that retries" it points nowhere


@dataclass(frozen=True, slots=True)
class Query:
    """The last question, and what of the conversation helps to rank for it.

    `own` are the question's terms, in order; `weights` adds those of earlier turns below 1. `compounds` are guesses:
    neighbouring words as one name. `names` are written as code, with what they belong to; `subjects` are the words it
    asks what or where they are. `identifiers` are all that may be names, `qualified` those with what they belong to, as
    definitions are titled. `pointing`: it cannot be understood without what came before. It asks about the repository
    as such (`overview`), who changed it or when (`history`), what a person has to do (`how_to`), who uses something
    (`callers`), what that does (`meaning`). `previous` are the citations of the answer before, in order, and
    `mentioned` the names it writes as code.
    """

    text: str
    own: tuple[str, ...]
    weights: dict[str, float]
    compounds: frozenset[str]
    identifiers: tuple[str, ...]
    names: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    qualified: tuple[str, ...] = ()
    pointing: bool = False
    overview: bool = False
    callers: bool = False
    meaning: bool = False
    tests: bool = False
    prose: bool = False
    how_to: bool = False
    history: bool = False
    previous: tuple[Citation, ...] = ()
    mentioned: tuple[str, ...] = ()


def read(messages: Sequence[Message]) -> Query:
    """The query behind a conversation whose last message is the question."""
    text = messages[-1].content[:_MOST_CHARACTERS]
    callers = _for_callers(text)
    own = _own_terms(text, callers=callers)
    earlier = [message.content[:_MOST_CHARACTERS] for message in messages[:-1] if message.role == "user"]
    answer = next(
        (message.content[:_LONGEST_ANSWER] for message in reversed(messages[:-1]) if message.role == "assistant"), ""
    )
    compounds, names = _compounds(text), _names(text)
    pointing = bool(_POINTING.search(text))
    return Query(
        text=text,
        own=own,
        weights=_weights(own, compounds, earlier, pointing=pointing),
        compounds=compounds,
        identifiers=identifiers(text),
        names=names,
        subjects=_subjects(text, names, pointing=pointing, callers=callers),
        qualified=tuple(dict.fromkeys(".".join(name.split(".")[-2:]) for name in names if "." in name)),
        pointing=pointing or not own,
        overview=not callers and not names and _overview(text, own, pointing=pointing and bool(earlier)),
        callers=callers,
        meaning=bool(_MEANING.search(text)),
        tests=bool(_TESTS.search(text)),
        prose=bool(_PROSE.search(text)),
        history=bool(_HISTORY.search(text)),
        how_to=bool(_HOW_TO.search(text)),
        previous=tuple(citations.found(answer)),
        mentioned=_mentioned(answer),
    )


def _overview(text: str, own: Sequence[str], *, pointing: bool) -> bool:
    """Whether it is asked about all of it, in words that say nothing else; of languages, all of it has some."""
    if not _OVERVIEW_WORDS.issuperset(own) or (pointing and _LANGUAGE not in own):
        return False
    return bool((_ALL_OF_IT if own else _WHOLE).search(text))


def _for_callers(text: str) -> bool:
    """Whether it is asked who uses something."""
    if _CALLERS.search(text):
        return True
    found = ((first.search(text), then) for first, then in _WHERE)
    return any(where is not None and then.search(text, where.end()) for where, then in found)


def identifiers(text: str) -> tuple[str, ...]:
    """The names a person wrote as code: in back-ticks, with an underscore, a dot, a call or an inner capital.

    So are words that begin with a capital. Of `module.Class` each name counts, the last one first.
    """
    found = [part for name in _names(text) for part in reversed(name.split("."))]
    found += [match[0] for match in _CAPITAL.finditer(text) if match[0].lower() not in STOPWORDS]
    return tuple(dict.fromkeys(found))[:_MOST_TERMS]


def _names(text: str) -> tuple[str, ...]:
    """What is surely meant as a name, whatever belongs to what joined by dots. In back-ticks, any word is one."""
    quoted = [_DOTTED.findall(match[1]) for match in _BACKTICKED.finditer(text)]
    found = [name for names in quoted for name in names if len(names) == 1 or name.lower() not in STOPWORDS]
    found += [match[0] for match in _CODE_LIKE.finditer(text)]
    return tuple(dict.fromkeys(_JOINT.sub(".", name) for name in found))[:_MOST_TERMS]


def _subjects(text: str, names: Sequence[str], *, pointing: bool, callers: bool) -> tuple[str, ...]:
    """What it is asked of what or where it is, or who uses it: names, or the only word that says anything.

    A word that says nothing elsewhere counts where it is asked what that very word does.
    """
    asked = [_JOINT.sub(".", match[1] or match[2]) for match in _ABOUT.finditer(text)]
    said = {word for word in terms.identifiers(text) if word.lower() not in STOPWORDS}
    words = {word for word in said if stem(word.lower()) not in DEFINING_WORDS}
    if names:
        found = tuple(name for name in asked if name in names)
        return found or (tuple(names) if words <= {part for name in names for part in name.split(".")} else ())
    if _HOW_TO.search(text):
        return ()  # `run` and `install` are what is to be done, whatever else is called so
    odd = None if words or pointing or _WHOLE.search(text) else _DEFINED.search(text)
    plain = len(words) == 1 and (callers or said > words or words <= set(asked))
    return (odd[1],) if odd else tuple(words) if plain else ()


def _own_terms(text: str, *, callers: bool) -> tuple[str, ...]:
    named = {part for name in _names(text) for part in name.split(".")}
    found = dict.fromkeys(
        term
        for word in terms.identifiers(text)
        if word in named or word.lower() not in STOPWORDS
        for term in terms.of_identifier(word)
        if word in named or not (callers and term in _ASKING_WORDS)
    )
    return tuple(found)[:_MOST_TERMS]


def _compounds(text: str) -> frozenset[str]:
    """Neighbouring words as one: people write `follow-up` and `time out` for `followup` and `timeout`."""
    words = [word for word in terms.identifiers(text) if word.isalpha()][: _MOST_TERMS * 2]
    pairs = pairwise(words)
    return frozenset(
        terms.joined([one, other])
        for one, other in pairs
        if one.lower() not in STOPWORDS or other.lower() not in STOPWORDS
    )


def _weights(
    own: Sequence[str], compounds: frozenset[str], earlier: Sequence[str], *, pointing: bool
) -> dict[str, float]:
    weight = _POINTED if pointing else _NEAR if len(own) < _SELF_CONTAINED else _FAR
    weights: dict[str, float] = {}
    for turn in list(reversed(earlier))[:_EARLIER_TURNS]:
        for term in _own_terms(turn, callers=_for_callers(turn)):
            weights.setdefault(term, weight)
        weight *= _DECAY
    return weights | dict.fromkeys(compounds, _COMPOUND) | dict.fromkeys(own, 1.0)


def _mentioned(answer: str) -> tuple[str, ...]:
    spans = citations.spans(answer)
    names = [span.rpartition(".")[2] for span in spans if re.fullmatch(r"[^\W\d]\w*(?:\.\w+)*", span)]
    return tuple(dict.fromkeys(names))
