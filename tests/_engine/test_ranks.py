"""Each process owns a share, and together they have what one alone has."""

import copy
import multiprocessing
import threading

import joblib
import numpy as np
import pytest
import torch
from torch import nn

from skdeepcluster._engine.batch_norm import over_all_ranks, over_one_rank
from skdeepcluster._engine.clustering import Clusterer, Whitening
from skdeepcluster._engine.kmeans import assign, lloyd, ward
from skdeepcluster._engine.ranks import ALONE, Ranks, local_rank, together

CPU = torch.device("cpu")


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 8])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_are_all_rows_once_and_of_equal_size(n, size):
    shares = [Ranks(rank, size).share(n) for rank in range(size)]
    rows = [row for share in shares for row in range(*share.rows.indices(n))]
    assert rows == list(range(n))
    assert {len(share) for share in shares} <= {n // size, n // size + 1}


@pytest.mark.parametrize("n", [1, 2, 10, 11])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_are_the_same_for_all_and_their_rows_are_shared_out(n, size):
    of_ranks = [Ranks(rank, size).batches(n, 4) for rank in range(size)]
    seen = []
    for rank, batches in enumerate(of_ranks):
        own = Ranks(rank, size).share(n).rows
        for number, (rows, share) in enumerate(batches):
            assert share.n == min(4, n - 4 * number)
            assert rows.stop - rows.start == len(share)
            if len(share):
                assert rows.start == 4 * number + share.rows.start
                assert own.start <= rows.start
                assert rows.stop <= own.stop
            seen += range(rows.start, rows.stop)
    assert sorted(seen) == list(range(n))


def test_all_draw_the_same_and_take_their_part():
    drawn = []
    for rank in range(3):
        torch.manual_seed(0)
        drawn.append(Ranks(rank, 3).share(7).rand(2, device=CPU))
        after = torch.rand(())
    torch.manual_seed(0)
    whole = torch.rand(2, 7)
    assert torch.equal(torch.cat(drawn, 1), whole)
    assert torch.equal(after, torch.rand(()))


def test_a_process_alone_sends_nothing():
    values = torch.arange(6.0).reshape(3, 2)
    assert together() is ALONE
    assert local_rank() is None
    assert ALONE.sum(values) is values
    assert ALONE.rows(values, 3) is values
    assert ALONE.views(values, 3, 1) is values
    assert ALONE.to_first(values, 3) is values
    assert ALONE.told("text") == "text"
    assert ALONE.any(True)
    assert not ALONE.any(False)
    assert ALONE.agree("text")


@pytest.mark.parametrize("n", [7, 2])
def test_what_processes_tell_each_other(processes, n):
    whole = torch.arange(2.0 * n).reshape(n, 2)
    index = torch.tensor([n - 1, 0, n - 1])

    def talk(rank):
        ranks = together()
        own = whole[ranks.share(n).rows].clone()
        return {
            "is": (ranks.rank, ranks.size, ranks.is_first, local_rank()),
            "rows": ranks.rows(own, n).tolist(),
            "picked": ranks.picked(own, index, n).tolist(),
            "to first": None
            if (found := ranks.to_first(own, n)) is None
            else found.tolist(),
            "total": ranks.total(own),
            "mean": ranks.mean(own).tolist(),
            "told": ranks.told({"rank": rank}),
            "any": (ranks.any(False), ranks.any(rank == 2)),
            "agree": (ranks.agree("same"), ranks.agree(rank)),
        }

    for rank, found in enumerate(processes(3, talk)):
        assert found["is"] == (rank, 3, rank == 0, None)
        assert found["rows"] == whole.tolist()
        assert found["picked"] == whole[index].tolist()
        assert found["to first"] == (whole.tolist() if rank == 0 else None)
        assert found["total"] == n
        np.testing.assert_allclose(found["mean"], whole.mean(0))
        assert found["told"] == {"rank": 0}
        assert found["any"] == (False, True)
        assert found["agree"] == (True, False)


@pytest.mark.parametrize("n", [7, 2])
def test_gradients_through_a_whole_batch_add_up(processes, n):
    torch.manual_seed(0)
    rows = torch.randn(2, n, 3)  # two views
    weight = torch.randn(3, 4)

    def gradient(rank):
        ranks = together()
        learnt = weight.clone().requires_grad_()
        own = rows[:, ranks.share(n).rows].flatten(0, 1) @ learnt
        whole = ranks.views(own, n, 2)
        whole.softmax(0).square().sum().backward()  # all rows depend on all
        return whole.detach(), ranks.sum(learnt.grad)

    alone = weight.clone().requires_grad_()
    logits = rows.flatten(0, 1) @ alone
    logits.softmax(0).square().sum().backward()
    for whole, found in processes(3, gradient):
        torch.testing.assert_close(whole, logits.detach())
        torch.testing.assert_close(found, alone.grad)


def _normalised(network, features, weights, ranks=ALONE):
    """What a network makes of a share of the features, and all gradients."""
    rows = ranks.share(len(features)).rows
    own = features[rows].clone().requires_grad_()
    output = network.train()(own)
    (output * weights[rows]).sum().backward()
    of_network = [ranks.sum(each.grad) for each in network.parameters()]
    return output.detach(), own.grad, of_network, network.state_dict()


@pytest.mark.parametrize("n", [9, 2])
@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.BatchNorm2d(4), (4, 5, 3)),
        (nn.BatchNorm1d(4), (4,)),
        (nn.BatchNorm1d(4, affine=False, track_running_stats=False), (4,)),
        (nn.BatchNorm2d(4, momentum=None), (4, 2, 2)),
    ],
)
def test_batch_norm_is_over_the_batch_of_all(processes, norm, shape, n):
    torch.manual_seed(0)
    features = torch.randn(n, *shape) * 3 + 5
    weights = torch.randn(n, *shape)

    def share(rank):
        ranks, network = together(), copy.deepcopy(norm)
        over_all_ranks(network, ranks)
        found = _normalised(network, features, weights, ranks)
        over_one_rank(network)
        assert type(network) is type(norm)
        return found

    output, of_features, of_network, state = _normalised(
        copy.deepcopy(norm), features, weights
    )
    found = processes(3, share)
    near = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(torch.cat([each[0] for each in found]), output, **near)
    torch.testing.assert_close(
        torch.cat([each[1] for each in found]), of_features, **near
    )
    for _, _, gradients, values in found:
        for name, value in state.items():
            torch.testing.assert_close(values[name], value, **near)
        for one, other in zip(gradients, of_network, strict=True):
            torch.testing.assert_close(one, other, **near)


def test_lloyds_iterations_are_those_of_one_process(processes):
    torch.manual_seed(0)
    points = torch.nn.functional.normalize(torch.randn(211, 8), dim=1)

    def cluster(rank):
        ranks = together()
        own = points[ranks.share(211).rows]
        return [
            lloyd(own, 12, n_iter=n_iter, seed=0, ranks=ranks) for n_iter in (1, 20)
        ]

    once, often = (lloyd(points, 12, n_iter=n_iter, seed=0) for n_iter in (1, 20))
    inertia = assign(points, often)[1].square().sum()
    found = processes(3, cluster)
    for after_one, after_all in found:
        torch.testing.assert_close(after_one, once)
        assert torch.equal(after_all, found[0][1])
        there = assign(points, after_all)[1].square().sum()
        assert float(there / inertia) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("n", [60, 4])
def test_all_have_the_labels_of_all_images(processes, n):
    torch.manual_seed(0)
    embeddings = torch.randn(n, 6)

    def cluster(rank):
        torch.manual_seed(1)
        ranks = together()
        clusterer = Clusterer(3, 20, pca_components=5, ranks=ranks)
        own = embeddings[ranks.share(n).rows]
        return clusterer.cluster(own, init=ward)

    torch.manual_seed(1)
    alone = Clusterer(3, 20, pca_components=5).cluster(embeddings, init=ward)
    found = processes(3, cluster)
    for each in found:
        assert torch.equal(each.centroids, found[0].centroids)
        assert each.labels.shape == (n,)
        assert each.spread == pytest.approx(alone.spread, rel=1e-4)
        inertia = each.distances.square().sum(), alone.distances.square().sum()
        torch.testing.assert_close(*inertia, rtol=1e-3, atol=1e-4)


def test_whitening_is_that_of_one_process(processes):
    torch.manual_seed(0)
    embeddings = torch.randn(50, 5) @ torch.randn(5, 5)
    alone = Whitening.fit(embeddings, 3)(embeddings)

    def whitened(rank):
        ranks = together()
        own = embeddings[ranks.share(50).rows]
        return Whitening.fit(own, 3, ranks)(embeddings)

    for each in processes(2, whitened):
        torch.testing.assert_close(each.abs(), alone.abs(), rtol=1e-3, atol=1e-3)


def test_dropout_draws_apart_and_leaves_the_common_numbers_alone(processes):
    def draw(rank):
        torch.manual_seed(0)
        ranks = together()
        with ranks.by_itself(CPU, 0, 1):
            own = torch.rand(5 + rank)
        with ranks.by_itself(CPU, 0, 2):
            following = torch.rand(5)
        return own[:5].tolist(), following.tolist(), torch.rand(3).tolist()

    torch.manual_seed(0)
    common = torch.rand(3).tolist()
    first, second = processes(2, draw)
    assert first[2] == second[2] == common
    assert first[0] != second[0]
    assert first[0] != first[1]


def test_a_worker_or_a_thread_of_a_process_works_alone(processes, monkeypatch):
    def sizes(rank):
        found = []
        thread = threading.Thread(target=lambda: found.append(together().size))
        thread.start()
        thread.join()
        forked = multiprocessing.get_context("fork")
        with forked.Pool(1) as pool:  # as in joblib's backend "multiprocessing"
            found.append(pool.apply(_size))
        return [*found, together().size]

    assert processes(2, sizes) == [[1, 1, 2]] * 2
    # As torchrun sets them, and as a worker inherits them.
    for name, value in (("RANK", 0), ("WORLD_SIZE", 2), ("MASTER_PORT", 1)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    found = joblib.Parallel(n_jobs=2, backend="loky")([joblib.delayed(_alone)()] * 2)
    assert found == [True, True]


def _size():
    return together().size


def _alone():
    from skdeepcluster._engine.ranks import ALONE, together

    return together() == ALONE


def test_the_number_on_a_machine_is_known_without_waiting(monkeypatch):
    variables = {"RANK": 3, "WORLD_SIZE": 4, "LOCAL_RANK": 1, "MASTER_PORT": 1}
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    assert local_rank() is None  # not all that torchrun sets
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert local_rank() == 1
    assert not torch.distributed.is_initialized()


def test_a_process_that_has_ended_is_named_as_the_reason(processes):
    def one_leaves(rank):
        ranks = together()
        if rank == 1:
            return
        ranks.any(True)
        return

    with pytest.raises(RuntimeError, match="Another process of this fit has ended"):
        processes(2, one_leaves)
