"""Training of the paper's autoencoder (section IV; 800 epochs of Adam on the mean squared error) with torch.

The paper gives no learning rate and no batch: 0.001, the default of its library, falling to 0 along a cosine, and 8
pictures. Two things need care. A rectified latent that is 0 for every picture has no gradient and never wakes: one or
two of the eight died in most trainings. So the latent layer is first scaled to a spread of 1 over the pictures, two
spreads above 0, and the gradient passes the ReLU of the latents as if it were not there (Y. Bengio et al.,
arXiv:1308.3432, straight-through); their values are those of the ReLU. One that falls asleep can then wake.
And 800 epochs of 500 pictures are 120 Tflop: the products are taken in bfloat16 where the processor has it (weights and
loss stay in single precision), on the channels-last layout, which is five times as fast. Torch uses its own number of
threads; on a machine that does other work, OMP_NUM_THREADS=1 is the faster.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.extras import need
from glasspot.pcf.model import Tell, silent
from glasspot.pcf.paper.network import DECODER, ENCODER, LATENT, Array, Layer, Network

EPOCHS = 800
BATCH = 8
RATE = 1e-3
AWAKE = 2.0  # mean of a latent over the pictures at the start, in its standard deviations
LOOK = 128  # pictures that scale the latent layer


@dataclass(frozen=True)
class TrainingCurve:
    """Mean squared error of the pixels (0 to 1) after each epoch, (epochs,): of the pictures trained on, as they were
    met during the epoch, and of those held out (nan without any). seconds: clock time of the training."""

    train: NDArray[np.float64]
    held_out: NDArray[np.float64]
    seconds: float


def train_autoencoder(
    pictures: Array,
    held_out: Array,
    epochs: int = EPOCHS,
    seed: int = 0,
    tell: Tell = silent,
) -> tuple[Network, TrainingCurve]:
    """Return the autoencoder of ``pictures`` (n, 64, 64) and its training curve; ``held_out`` may be empty.

    GlasspotError where torch is not installed. Same seed, same number of threads, same processor: same result.
    """
    torch = need("torch", "torch", "pcf", "the model of the paper")
    began = time.monotonic()
    generator = torch.Generator().manual_seed(seed)
    data, unseen = (_tensor(torch, part) for part in (pictures, held_out))
    convolutions = _start(torch, generator)
    _wake(torch, convolutions, data[:LOOK])
    parameters = [value for layer in convolutions for value in layer]
    steps = epochs * -(-len(pictures) // BATCH)
    adam = torch.optim.Adam(parameters, RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    short = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    losses = np.full((2, epochs), np.nan)
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(data), generator=generator).split(BATCH):
            loss = _loss(torch, convolutions, data[batch], short)
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            total += loss.item() * len(batch)
        losses[0, epoch] = total / len(data)
        if len(unseen):
            with torch.no_grad():
                losses[1, epoch] = _loss(torch, convolutions, unseen, short).item()
        tell("autoencoder", epoch + 1, epochs)
    layers = [Layer(kernel.detach().numpy().copy(), bias.detach().numpy().copy()) for kernel, bias in convolutions]
    network = Network(tuple(layers[: len(ENCODER)]), tuple(layers[len(ENCODER) :]))
    return network, TrainingCurve(losses[0], losses[1], time.monotonic() - began)


def _tensor(torch: Any, pictures: Array) -> Any:
    return torch.from_numpy(np.ascontiguousarray(pictures))[:, None].to(memory_format=torch.channels_last)


def _start(torch: Any, generator: Any) -> list[tuple[Any, Any]]:
    """Return (kernel, bias) of every layer at the start: kernels after K. He et al., ICCV 2015, biases 0."""
    found = []
    channels = 1
    for filters in (*ENCODER, *DECODER):
        kernel = torch.empty(filters, channels, 3, 3)
        torch.nn.init.kaiming_uniform_(kernel, nonlinearity="relu", generator=generator)
        kernel = kernel.to(memory_format=torch.channels_last)
        found.append((kernel.requires_grad_(), torch.zeros(filters).requires_grad_()))
        channels = filters
    return found


def _wake(torch: Any, convolutions: list[tuple[Any, Any]], pictures: Any) -> None:
    """Scale the latent layer so that each latent has the mean AWAKE and the spread 1 over ``pictures``."""
    functional = torch.nn.functional
    with torch.no_grad():
        x = pictures
        for kernel, bias in convolutions[: len(ENCODER)]:
            values = functional.max_pool2d(functional.conv2d(x, kernel, bias, padding=1), 2)
            x = functional.relu(values)
        spread = values.std(dim=(0, 2, 3)).clamp_min(1e-6) if len(pictures) > 1 else torch.ones(LATENT)
        kernel /= spread[:, None, None, None]
        bias += AWAKE - values.mean(dim=(0, 2, 3)) / spread


def _loss(torch: Any, convolutions: list[tuple[Any, Any]], pictures: Any, short: bool) -> Any:
    """Return the mean squared error of the pictures that the autoencoder makes of ``pictures``."""
    functional = torch.nn.functional
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=short):
        x = pictures
        for kernel, bias in convolutions[: len(ENCODER)]:  # ReLU after the pool: the same, on a quarter of the values
            values = functional.max_pool2d(functional.conv2d(x, kernel, bias, padding=1), 2)
            x = functional.relu(values)
        x = values + (x - values).detach()  # the value of the ReLU, the gradient of none
        for k, (kernel, bias) in enumerate(convolutions[len(ENCODER) : -1]):
            x = functional.interpolate(x, scale_factor=2) if k else x
            x = functional.relu(functional.conv2d(x, kernel, bias, padding=1))
        kernel, bias = convolutions[-1]
        x = functional.conv_transpose2d(x, _after_doubling(torch, kernel), bias, stride=2, padding=1)
    return functional.mse_loss(torch.sigmoid(x.float()), pictures)


def _after_doubling(torch: Any, kernel: Any) -> Any:
    """Return the 4x4 kernel of stride 2 that does at once what an upsampling by 2 and the 3x3 ``kernel`` do.

    It spares the 64 channels of 64x64 pixels in between, a sixth of the time of the training.
    """
    pad = torch.nn.functional.pad
    mirrored = kernel.flip(2, 3).transpose(0, 1)
    return sum(pad(mirrored, (i, 1 - i, j, 1 - j)) for i in (0, 1) for j in (0, 1))
