"""pythae's VAE as a contestant of peers.py: its model and loss, torch's Adagrad, no data loader."""

from __future__ import annotations

import peer_turns
from peer_torch import make_chain, make_train
from peer_turns import Train, layer_sizes, serve


def make_model(torch, task):
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    nn = torch.nn
    encoder, decoder, _ = layer_sizes(task)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.hidden = make_chain(nn, encoder)
            self.mean = nn.Linear(encoder[-1], task["n_components"])
            self.log_var = nn.Linear(encoder[-1], task["n_components"])

        def forward(self, x):
            h = self.hidden(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.hidden = make_chain(nn, decoder)
            self.logits = nn.Linear(decoder[-1], task["n_visible"])

        def forward(self, z):
            return ModelOutput(reconstruction=torch.sigmoid(self.logits(self.hidden(z))))

    config = VAEConfig(
        input_dim=(task["n_visible"],),
        latent_dim=task["n_components"],
        reconstruction_loss="bce",
    )
    return VAE(config, encoder=Encoder(), decoder=Decoder())


def build(task) -> Train:
    if task["likelihood"] != "bernoulli":
        raise ImportError("pythae has no Gaussian decoder with a variance of its own")
    import torch

    torch.set_num_threads(task["n_threads"])
    torch.manual_seed(0)
    model = make_model(torch, task)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=peer_turns.INIT_SCALE)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=peer_turns.LEARNING_RATE, eps=1e-8)
    return make_train(torch, task, optimizer, lambda x: model({"data": x}).loss)


if __name__ == "__main__":
    serve(build)
