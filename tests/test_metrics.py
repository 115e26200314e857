"""What a process counts is served where it is set to be, and nowhere else."""

from __future__ import annotations

import socket

import httpx
import pytest

from core.errors import LeaseLost, LineFull, ServerError
from core.metrics import Metrics, served
from core.wording import sentence


def test_what_was_counted_is_served_as_prometheus_reads_it() -> None:
    metrics = Metrics()
    metrics.accepted("slack", 0.02)
    metrics.again("slack")
    metrics.not_accepted(LineFull("database", "full"))
    metrics.ended("discord", "answered", 12)
    metrics.interrupted(LeaseLost("gone"))
    metrics.resumed("slack")
    metrics.doubted("slack")
    metrics.unknowable("discord")
    metrics.watch(lambda: 3)
    with served(metrics, host="127.0.0.1", port=0) as port:
        lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    assert {
        'askrepo_accept_seconds_bucket{le="0.025",platform="slack"} 1.0',
        'askrepo_questions_again_total{platform="slack"} 1.0',
        'askrepo_questions_not_accepted_total{reason="LineFull"} 1.0',
        'askrepo_turn_seconds_sum{outcome="answered",platform="discord"} 12.0',
        'askrepo_attempts_interrupted_total{reason="LeaseLost"} 1.0',
        'askrepo_attempts_resumed_total{platform="slack"} 1.0',
        'askrepo_posts_in_doubt_total{platform="slack"} 1.0',
        'askrepo_posts_unknowable_total{platform="discord"} 1.0',
        "askrepo_answers_running 3.0",
    } <= set(lines)


def test_two_apps_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.again("slack")
    assert other.registry.get_sample_value("askrepo_questions_again_total", {"platform": "slack"}) is None


def test_nothing_listens_any_more_afterwards() -> None:
    with served(Metrics(), host="127.0.0.1", port=0) as port:
        pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError) as caught, served(Metrics(), host="127.0.0.1", port=port):
            pass
    assert f"127.0.0.1:{port}" in sentence(caught.value)


@pytest.mark.parametrize("host", ["nowhere.invalid", "nowhere..invalid"])
def test_a_host_that_is_none_is_one_clear_sentence(host: str) -> None:
    with pytest.raises(ServerError) as caught, served(Metrics(), host=host, port=0):
        pass
    assert host in sentence(caught.value)
