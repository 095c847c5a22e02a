"""Processes that train together, played by threads of this one."""

import threading

import numpy as np


class Exchange:
    """What one of n threads gives the core. All get the sum in the order of their ranks."""

    def __init__(self, rank, shared):
        self.rank, self.shared = rank, shared
        self.totals = []  # what each step has added up

    def sum(self, values):
        total = self.shared.total(self.rank, values)
        values[:] = total

    def join(self, totals):
        self.sum(totals)
        self.totals.append(totals.copy())


class Shared:
    def __init__(self, n):
        self.values, self.barrier = [None] * n, threading.Barrier(n, timeout=60)

    def total(self, rank, values):
        self.values[rank] = values.copy()
        self.barrier.wait()
        total = sum(self.values[1:], start=self.values[0])
        self.barrier.wait()
        return total


def together(n, work):
    """Return what work(exchange) returns on each of n threads, or the exception that it raises."""
    shared, results = Shared(n), [None] * n

    def one(rank):
        try:
            results[rank] = work(Exchange(rank, shared))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def same_bits(arrays, others):
    return all(
        np.array_equal(a.view(np.int32), others[k].view(np.int32)) for k, a in arrays.items()
    )
