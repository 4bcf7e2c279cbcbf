"""Training on several machines: how members find each other, what they refuse, and the mean."""

import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from support.training import make_people, quick_settings

from facelib.faceset import Faceset
from trainer import checks
from trainer.cluster import follower, hello, joining, state, wire
from trainer.cluster.addresses import Address, parse
from trainer.cluster.group import FAILED, Ended, StepFailed
from trainer.cluster.leader import Leader
from trainer.cluster.local import free
from trainer.cluster.wire import LostMemberError
from utils.errors import InputError, UsageError, UserError
from utils.workspace import Workspace
from workbench import forms

LOOPBACK = "127.0.0.1"


def together(act, count=2, about=lambda rank: {}, check=lambda said, name: ""):
    """What each member comes to, by rank: a result, or an error."""
    addresses = free(count)

    def member(rank):
        try:
            group = joining.join(addresses, rank, about(rank), check)
        except UserError as problem:
            return problem
        try:
            return act(group)
        except (UserError, StepFailed, Ended) as problem:
            return problem
        finally:
            group.end("done")

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(member, range(count)))


@pytest.mark.parametrize("count", [2, 5])
def test_all_members_get_the_same_mean(count):
    shapes = [(), (7,), (3, 5, 2), (300_001,)]
    own = [
        [np.random.default_rng([rank, n]).normal(size=s).astype("f4") for n, s in enumerate(shapes)]
        for rank in range(count)
    ]

    def act(group):
        found = []
        for _ in range(2):  # the buffer is used again
            with group.step():
                found = [np.array(mean) for mean in group.mean(*own[group.rank])]
        return found

    results = together(act, count)
    for number, shape in enumerate(shapes):
        expected = np.mean([arrays[number].astype(float) for arrays in own], axis=0)
        for result in results:
            assert result[number].shape == shape
            np.testing.assert_allclose(result[number], expected, atol=1e-6)
            assert result[number].tobytes() == results[0][number].tobytes()


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_step_that_one_cannot_do_is_done_by_none(failing, memory):
    problem = MemoryError("too large") if memory else InputError("no face left")

    def act(group):
        found = None
        try:
            with group.step():
                if group.rank == failing:
                    raise problem
                group.mean(np.zeros(5, np.float32))
        except (StepFailed, MemoryError, InputError) as caught:
            found = caught
        with group.step():  # the next one is done by all
            assert group.mean(np.full(5, group.rank, np.float32))[0].tolist() == [1.0] * 5
        return found

    results = together(act, 3)
    assert results[failing] is problem
    for rank in {0, 1, 2} - {failing}:
        assert results[rank].failure == (str(results[rank]), memory)
        assert str(problem) in str(results[rank])


def test_a_member_that_leaves_is_named():
    def act(group):
        if group.rank:
            return group.leave("was stopped")
        with group.step():
            group.mean(np.zeros(5, np.float32))

    lead, other = together(act)
    assert other is None
    assert str(lead).startswith("rank 1 (127.0.0.1:")
    assert str(lead).endswith(f") was stopped; {wire.AGAIN}")


@pytest.mark.parametrize("lost", [0, 1])
def test_a_member_that_ends_is_noticed_at_once(lost):
    def act(group):
        if group.rank == lost:
            return None
        begun = time.monotonic()
        with pytest.raises((LostMemberError, Ended)), group.step():
            group.mean(np.zeros(5, np.float32))
        return time.monotonic() - begun

    assert together(act)[1 - lost] < wire.LOST / 4


@pytest.mark.parametrize("lost", [0, 1])
def test_a_member_without_a_sign_of_life_is_lost(lost, monkeypatch):
    monkeypatch.setattr(wire, "LOST", 0.4)
    monkeypatch.setattr(wire, "FAREWELL", 0.1)
    done = threading.Event()

    def act(group):
        if group.rank == lost:  # its connections stay open
            return done.wait(20)
        try:
            with group.step():
                group.mean(np.zeros(5, np.float32))
        finally:
            done.set()

    monkeypatch.setattr(wire, "BEAT", 60.0)
    assert "no sign of life" in str(together(act)[1 - lost])


def test_a_member_that_computes_for_long_is_not_lost(monkeypatch):
    monkeypatch.setattr(wire, "LOST", 1.0)
    monkeypatch.setattr(wire, "BEAT", 0.1)

    def act(group):
        with group.step():
            if group.rank:
                time.sleep(1.2)
            return group.mean(np.ones(5, np.float32))[0].sum()

    assert together(act) == [5, 5]


def test_rank_0_sends_no_weights_to_a_member_that_does_not_read_yet(monkeypatch):
    order = []
    monkeypatch.setattr(state, "send", lambda group, step: order.append("sent"))
    session = SimpleNamespace(
        restored=0, step=None, iteration=0, sides_swapped=False, model=SimpleNamespace(powers={})
    )

    def act(group):
        if group.rank:
            time.sleep(0.2)
            order.append("built")
            group.tell({"built": True})
            assert group.hear()["batch"] == 3
            with group.step():
                group.mean(np.zeros(2, np.float32))
            return
        leader = Leader(group, SimpleNamespace(last=3, size=4, warp=True))
        with leader.step(session, 0.1):
            group.mean(np.zeros(2, np.float32))

    assert together(act) == [None, None]
    assert order == ["built", "sent"]


def test_what_rank_0_sends_arrives_as_it_was():
    sent = np.arange(12, dtype=np.float32).reshape(3, 4)

    def act(group):
        if not group.rank:
            group.tell({"do": "restore"}, [sent])
            return None
        assert group.hear() == {"do": "restore"}
        array = np.empty((3, 4), np.float32)
        group.peers[0].receive_into([array])
        with pytest.raises(Ended):
            group.hear()
        return array

    assert np.array_equal(together(act)[1], sent)


def test_a_member_nobody_answers_is_named_by_all(monkeypatch):
    monkeypatch.setattr(joining, "WAIT", 0.3)
    monkeypatch.setattr(joining, "PAUSE", 0.1)
    addresses = free(3)

    def start(rank):
        with pytest.raises(UserError) as problem:
            joining.join(addresses, rank, {}, lambda said, name: "")
        return str(problem.value)

    with ThreadPoolExecutor(2) as threads:
        for message in threads.map(start, [0, 1]):
            assert message.startswith(f"rank 2 ({addresses[2]}) does not answer; start all")
    assert start(1).startswith(f"rank 0 ({addresses[0]}) does not answer")


def test_strangers_and_a_rank_that_is_taken_do_no_harm(monkeypatch):
    monkeypatch.setattr(joining, "HELLO", 0.3)
    addresses = free(2)

    def act(rank):
        group = joining.join(addresses, rank, {}, lambda said, name: "")
        try:
            with group.step():
                return group.mean(np.ones(2, np.float32))[0].tolist()
        finally:
            group.end("done")

    with ThreadPoolExecutor(2) as threads:
        lead = threads.submit(act, 0)
        deep = b"[" * 100_000
        hellos = (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x02{}", b"\xff" * 8, b"")
        for said in (*hellos, len(deep).to_bytes(4, "big") + deep):
            with joining._connect(addresses[0], time.monotonic() + 5) as stranger:
                stranger.sendall(said)
                stranger.settimeout(5)
                with suppress(OSError):
                    stranger.recv(4096)  # until it is hung up on
        twin = wire.Peer(joining._connect(addresses[0], time.monotonic() + 5), "twin")
        twin.send({"rank": 0})
        assert "taken" in twin.receive()["refused"]
        twin.close()
        assert threads.submit(act, 1).result() == [1, 1]
        assert lead.result() == [1, 1]


def test_another_program_in_place_of_rank_0_is_recognized(monkeypatch):
    monkeypatch.setattr(wire, "LOST", 0.3)
    monkeypatch.setattr(wire, "FAREWELL", 0.1)
    with socket.create_server((LOOPBACK, 0)) as silent:
        addresses = [Address(*silent.getsockname()), *free(1)]
        with pytest.raises(LostMemberError, match=r"as a member of a cluster; .*choose another"):
            joining.join(addresses, 1, {}, lambda said, name: "")


def test_an_address_that_cannot_be_listened_on_is_refused():
    with socket.create_server((LOOPBACK, 0)) as taken:
        used = Address(*taken.getsockname())
        with pytest.raises(UserError, match="is in use"):
            joining.join([used, *free(1)], 0, {}, lambda said, name: "")
    foreign = Address("192.0.2.7", 7000)  # of documentation
    with pytest.raises(UserError, match="the rank at which its own address stands") as problem:
        joining.join([*free(1), foreign], 1, {}, lambda said, name: "")
    assert f"{foreign} (Cannot assign requested address)" in str(problem.value)
    with pytest.raises(UserError, match="no name or address"):
        joining.join([Address("no.such.host.invalid", 7000)], 0, {}, lambda said, name: "")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return make_people(tmp_path_factory.mktemp("people"), 4)


@pytest.fixture
def settings(people, tmp_path, monkeypatch):
    return quick_settings(people, tmp_path / "model", monkeypatch, cluster="a:1,b:1", rank=0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"clip_gradients": 1.0},
            "--clip-gradients 1.0 instead of 0.0; start all members with the",
        ),
        ({"width": 4, "random_flip": False}, "--random-flip no instead of yes"),
        ({"mixed_precision": True}, "--mixed-precision yes instead of no"),
        ({"model": "OTHER", "optimizer": "adabelief"}, "--model OTHER instead of TOY; start"),
        ({"cluster": "a:1,c:1"}, "another cluster: a:1,c:1 instead of a:1,b:1"),
        ({}, ""),
        # what rank 0 decides alone
        ({"batch_size": 8, "learning_rate": 0.1, "target_iter": 9, "keep": 7, "rank": 1}, ""),
    ],
)
def test_members_with_other_options_are_refused_by_name(settings, change, reason):
    said = hello.fault(hello.about(settings()), hello.about(settings(**change)), "rank 1 (b:1)")
    assert said.startswith("rank 1 (b:1) has ") if reason else not said
    assert reason in said


def test_members_of_another_version_or_engine_are_refused(settings, monkeypatch):
    own = hello.about(settings())
    assert "another program: 0.1 instead of " in hello.fault(
        own, own | {"program": "0.1"}, "rank 1"
    )
    monkeypatch.setenv("KERAS_BACKEND", "torch" if own["engine"] == "tensorflow" else "tensorflow")
    message = hello.fault(own, hello.about(settings()), "rank 1")
    assert message.endswith("choose the same --engine for all members")
    assert hello.fault(own, {}, "rank 1")


def test_a_refusal_reaches_all_members():
    def act(group):
        raise AssertionError

    results = together(act, about=lambda rank: {"odd": rank}, check=lambda said, name: name)
    assert {type(each) for each in results} == {UsageError}
    assert str(results[0]) == str(results[1])


@pytest.mark.parametrize("change", ["", "fewer", "drawn"])
def test_members_must_have_the_same_faces(people, tmp_path, change):
    src, dst = (Faceset.open(people / side) for side in ("src", "dst"))
    others = dst
    if change == "fewer":
        others = dst[1:]
    if change == "drawn":
        (tmp_path / "dst").mkdir()
        for path, _ in dst:
            (tmp_path / "dst" / path.name).write_bytes(path.read_bytes() + b"\0")
        others = Faceset.open(tmp_path / "dst")

    results = together(
        lambda group: hello.compare_faces(group, (src, others if group.rank else dst))
    )
    assert [type(each) for each in results] == ([InputError, Ended] if change else [type(None)] * 2)
    expected = {"fewer": "faces of dst: 3 instead of 4", "drawn": "other versions of the 4 faces"}
    assert expected.get(change, "") in str(results[0])


def test_a_member_with_other_faces_ends_with_the_reason(people):
    src, dst = (Faceset.open(people / side) for side in ("src", "dst"))

    def act(group):
        if group.rank:
            return follower.follow(None, (src, dst[1:]), group)
        with pytest.raises(InputError) as problem:
            hello.compare_faces(group, (src, dst))
        group.end(FAILED, str(problem.value))

    reason = str(together(act)[1])
    assert re.match(r"rank 0 \(.*\) has ended the training: .*3 instead of 4", reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cluster": "a:1"}, "at least two addresses"),
        ({"cluster": "a:1,b"}, "Received: b"),
        ({"cluster": "a:1,b:70000"}, "Received: b:70000"),
        ({"cluster": "a:1,a:1"}, "each address once. Received: a:1 twice"),
        ({"cluster": "0.0.0.0:1,b:1"}, "the one address"),
        ({"cluster": "[::]:1,b:1"}, "the one address"),
        ({"rank": None}, "Received: no rank"),
        ({"rank": 2}, "Expected 0 to 1"),
        ({"cluster": None}, "--rank needs --cluster"),
        ({"multi_gpu": True}, "--force-gpu-idx"),
        ({"batch_size": 3}, "--batch-size: Expected a multiple of 2"),
        ({"grow_batch": 5}, "--grow-batch: Expected a multiple of 2"),
    ],
)
def test_flags_that_cannot_be_are_refused_before_anything_is_loaded(settings, change, reason):
    with pytest.raises(UsageError, match=None) as problem:
        checks.check(settings(**change))
    assert reason in str(problem.value)


def test_addresses_are_read_as_they_are_shown():
    for text in ("a:1,b:2,c.example:65535", "[fe80::1]:7000,10.0.0.2:7000"):
        assert ",".join(map(str, parse(text))) == text


def test_the_page_does_not_show_what_only_a_command_line_can_say(tmp_path):
    groups = forms.form("train", {}, Workspace(tmp_path))["groups"]
    names = {field["name"] for group in groups for field in group["fields"]}
    assert "multi_gpu" in names
    assert not {"cluster", "rank"} & names
