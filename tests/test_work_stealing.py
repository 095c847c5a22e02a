"""Work stealing: each block of work is done once, and nobody waits for a thread that is held up."""

import pytest
from hooks import kernels

PANEL = 64
LAYERS = {
    "one": [(500, 10)],
    "step": [(500, 40), (20, 25), (20, 25), (500, 1), (784, 25)],
    "one piece": [(3, 1)],
    "less than threads": [(130, 1)],
    "whole panels": [(128, 7), (64, 3)],
    "narrow last": [(65, 4)],
    "no blocks": [(65, 0), (500, 3)],
}


def n_pieces(layers):
    return sum(-(-n_cols // PANEL) * n_blocks for n_cols, n_blocks in layers)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("most", [1, 3, 1000])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_every_piece_is_done_once(layers, most, n_threads):
    times, who = kernels.steal_tasks(layers, n_threads, most, n_loops=30)
    assert times.shape == (30, n_pieces(layers))
    assert (times == 1).all()
    assert ((who >= 0) & (who < n_threads)).all()


@pytest.mark.parametrize("n_threads", [2, 3, 7])
@pytest.mark.parametrize("layers", [LAYERS["one"], LAYERS["step"]], ids=["one", "step"])
def test_the_work_of_one_who_is_held_up_is_taken_over(layers, n_threads):
    """The held-up thread keeps only what it has started; otherwise, the others would wait."""
    held_up, most = n_threads - 1, 3
    times, who = kernels.steal_tasks(layers, n_threads, most, held_up=held_up, n_loops=4)
    assert (times == 1).all()
    assert ((who == held_up).sum(axis=1) <= most).all()


@pytest.mark.parametrize("shared", [1, 5, 1000])
@pytest.mark.parametrize("n_threads", [2, 4, 8, 16])
def test_a_small_rest_is_left_to_its_thread(n_threads, shared):
    """Others leave one block less than is worth stealing: `shared`, or a quarter of the share."""
    layers, held_up, part = [(512, 10)], 1, 80 // n_threads
    times, who = kernels.steal_tasks(
        layers, n_threads, most=1, shared=shared, held_up=held_up, n_loops=4
    )
    assert (times == 1).all()
    left = min(shared, -(-part // 4)) - 1
    done = (who == held_up).sum(axis=1)
    assert ((done == left) | (done == left + 1)).all()  # plus the block that it has started, if any
