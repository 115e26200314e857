"""Words of a question that say nothing about code."""

from __future__ import annotations

_WORDS = """
a about actually after again all also always am an and another any anybody anyone anything anywhere are aren
as ask at away back be because been before behind being below better between both but by came can cannot come
comes could describe detail details did didn different do does doesn doing don done down during each either
else ever every everything exactly explain far few find first for from further gets give given gives go goes
going gone good got had happen happened happens has hasn have haven having he hello help her here hers hey hi
him his how however i if in inside instead into is isn it its itself just keep keeps kept kind know let like
likely ll look looks lot made mainly make makes making many may maybe me mean means might mine more most much
must my myself need needed needs never new no none nor not nothing now of off often ok okay on once one ones
only onto or other others otherwise our ours out outside over overall own part parts perhaps place places
please possible quite rather re really s same say says see seem seems shall she should show shows since so
some somebody someone something sometimes somewhere sort still such sure t take takes tell than thank thanks
that the their theirs them then there these they thing things think this those though through thus to together
too toward towards try under until up upon us use uses using used usually ve very via want wants was way ways
we well went were what whatever when where whether which while who whole whom whose why will with within
without won work worked working works would wouldn yes yet you your yours code codebase repo repository
project implement implemented implementation implements implementing defined handled responsible
"""

STOPWORDS = frozenset(_WORDS.split())
