"""PyTorch as a contestant of peers.py: eager or compiled, in float32 or in bfloat16 by autocast."""

from __future__ import annotations

import math
from contextlib import nullcontext
from itertools import pairwise

import peer_turns
from peer_turns import LOG_VAR_FLOOR, Train, layer_sizes, load_rows, serve


def make_chain(nn, sizes):
    """Return hidden layers of these sizes, from the first to the last."""
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.Tanh()]
    return nn.Sequential(*layers)


def make_train(torch, task, optimizer, loss_of) -> Train:
    """Return a function that takes optimizer steps on the loss, one minibatch after another."""
    batch = task["batch"]
    X = torch.from_numpy(load_rows(task))
    t = 0

    def step():
        nonlocal t
        begin = t * batch % len(X)
        t += 1
        for group in optimizer.param_groups:
            group["lr"] = peer_turns.LEARNING_RATE * math.sqrt(t / (t + peer_turns.WARMUP_STEPS))
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(X[begin : begin + batch])
        loss.backward()
        optimizer.step()
        return loss.detach()

    def train(n_steps):
        return -float(torch.stack([step() for _ in range(n_steps)]).mean())

    return train


def make_model(torch, task):
    """Return a module that gives minus the sum of a minibatch's bounds."""
    nn, F = torch.nn, torch.nn.functional
    encoder, decoder, n_outputs = layer_sizes(task)
    likelihood = task["likelihood"]

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = make_chain(nn, encoder), make_chain(nn, decoder)
            self.mean = nn.Linear(encoder[-1], task["n_components"])
            self.log_var = nn.Linear(encoder[-1], task["n_components"])
            self.outputs = nn.ModuleList(
                nn.Linear(decoder[-1], task["n_visible"]) for _ in range(n_outputs)
            )

        def forward(self, x):
            h = self.encoder(x)
            mean, log_var = self.mean(h), self.log_var(h)
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            h = self.decoder(z)
            out = self.outputs[0](h)
            if likelihood == "bernoulli":
                cost = F.binary_cross_entropy_with_logits(out, x, reduction="sum")
            else:
                out = torch.sigmoid(out) if likelihood == "bounded-gaussian" else out
                v = LOG_VAR_FLOOR + F.softplus(self.outputs[1](h) - LOG_VAR_FLOOR)
                cost = 0.5 * torch.sum(math.log(2 * math.pi) + v + (x - out) ** 2 * torch.exp(-v))
            return cost - 0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp())

    return Net()


def build(task) -> Train:
    import torch

    torch.set_num_threads(task["n_threads"])
    torch.manual_seed(0)
    model = make_model(torch, task)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=peer_turns.INIT_SCALE)
    optimizer = torch.optim.Adagrad(
        model.parameters(), lr=peer_turns.LEARNING_RATE, eps=1e-8, fused=True
    )
    call = torch.compile(model) if "compile" in task["mode"] else model

    def bf16():
        return torch.autocast("cpu", dtype=torch.bfloat16)

    precision = bf16 if "bf16" in task["mode"] else nullcontext

    def loss(x):
        with precision():
            return call(x) / len(x)

    return make_train(torch, task, optimizer, loss)


if __name__ == "__main__":
    serve(build)
