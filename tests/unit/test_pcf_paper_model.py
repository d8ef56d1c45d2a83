"""The model of the paper: its network with numpy and with torch, training, state, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model_file import load_model, save_model
from glasspot.pcf.paper.autoencoder import train_autoencoder
from glasspot.pcf.paper.model import PaperModel, train
from glasspot.pcf.paper.network import Layer, Network
from glasspot.pcf.paper.training import units_of
from pcf_samples import sample_set

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
GLASS = Composition.parse("60 SiO2 20 B2O3 15 Na2O 5 BaO")


@pytest.fixture(scope="module")
def data() -> CurveSet:
    return sample_set(8)


@pytest.fixture(scope="module")
def model(data: CurveSet) -> PaperModel:
    return train(data, epochs=2)


def in_torch(layers: tuple[Layer, ...], x: np.ndarray, decode: bool) -> np.ndarray:
    """The network as the paper draws it: convolution, ReLU, pool; transposed convolution, ReLU, upsampling."""
    f, value = torch.nn.functional, torch.from_numpy(x)
    for layer in layers if not decode else layers[:-1]:
        kernel, bias = torch.from_numpy(layer.kernel), torch.from_numpy(layer.bias)
        if decode:
            mirrored = kernel.flip(2, 3).transpose(0, 1)
            value = f.interpolate(f.relu(f.conv_transpose2d(value, mirrored, bias, padding=1)), scale_factor=2)
        else:
            value = f.max_pool2d(f.relu(f.conv2d(value, kernel, bias, padding=1)), 2)
    if decode:
        last = layers[-1]
        value = torch.sigmoid(f.conv2d(value, torch.from_numpy(last.kernel), torch.from_numpy(last.bias), padding=1))
    return np.asarray(value)


def test_numpy_does_what_torch_does(model: PaperModel) -> None:
    """In single precision, 1e-5; more pictures than one chunk."""
    pictures = np.random.default_rng(0).random((20, 64, 64)).astype(np.float32)
    latents = model.network.encode(pictures)
    assert latents.shape == (20, 8)
    assert latents == pytest.approx(in_torch(model.network.encoder, pictures[:, None], False)[:, :, 0, 0], abs=1e-4)
    wanted = in_torch(model.network.decoder, latents[:, :, None, None], True)[:, 0]
    assert model.network.decode(latents) == pytest.approx(wanted, abs=1e-5)


def test_training_ends_at_the_loss_it_tells(model: PaperModel, data: CurveSet) -> None:
    """The trained arrays make the pictures that the last loss was taken of: 2 %, for products of 8 bits."""
    training = model.training
    assert training.losses.held_out[-1] == pytest.approx(training.picture_error, rel=0.02)
    assert training.losses.train[-1] < training.losses.train[0]


def test_autoencoder_learns_and_repeats() -> None:
    """Two kinds of picture: 40 epochs bring the error far below that of the mean picture (0.06); same seed, same."""
    level = np.arange(64)[::-1, None] < np.array([12, 44])[:, None, None]
    pictures = np.repeat(np.broadcast_to(level, (2, 64, 64)), 8, axis=0).astype(np.float32)
    network, curve = train_autoencoder(pictures, pictures[:0], epochs=40, seed=1)
    error = ((network.decode(network.encode(pictures)) - pictures) ** 2).mean()
    assert error < 0.01
    assert np.isnan(curve.held_out).all()
    again, _ = train_autoencoder(pictures, pictures[:0], epochs=2, seed=5)
    same, _ = train_autoencoder(pictures, pictures[:0], epochs=2, seed=5)
    assert all((value == same.arrays()[name]).all() for name, value in again.arrays().items())


def test_every_latent_starts_alive(data: CurveSet, model: PaperModel) -> None:
    from glasspot.pcf.paper.autoencoder import AWAKE

    pictures = model.axes.draw(np.array([glass.mean(pair) for glass, pair in data.each()]))[:64]
    network, _ = train_autoencoder(pictures, pictures[:0], epochs=0, seed=2)
    latents = network.encode(pictures)
    assert latents.mean(axis=0) == pytest.approx(np.full(8, AWAKE), abs=0.2)  # ReLU cuts what is two spreads below
    assert (latents.std(axis=0) > 0.7).all()


def test_prediction(model: PaperModel, data: CurveSet) -> None:
    found = model.predict(GLASS)
    assert len(found.pairs) == 15
    assert found.g.shape == (15, len(data.r))
    assert np.isfinite(found.g).all() and found.g.min() >= 0
    assert found.low is None and found.high is None
    assert found.number_density > 0
    assert "Si-O" in found.cutoffs and "Zn-O" not in found.cutoffs
    assert any("does not see how much Na2O, B2O3, SiO2" in text for text in found.warnings)
    one = model.predict(GLASS, ["O-Si"])
    assert one.pairs == ("Si-O",)
    assert one.partial("Si", "O") == pytest.approx(found.partial("Si", "O"), abs=1e-4)


def test_other_ratios_get_the_same_curves(model: PaperModel) -> None:
    other = Composition.parse("45 SiO2 20 B2O3 30 Na2O 5 BaO")
    assert (model.predict(GLASS).g == model.predict(other).g).all()


def test_amounts_outside_the_data_are_told(model: PaperModel) -> None:
    warnings = model.predict(Composition.parse("60 SiO2 40 BaO")).warnings
    assert any("40 mol% BaO is outside the data" in text for text in warnings)
    warnings = model.predict(Composition.parse("60 SiO2 20 BaO 20 ZnO")).warnings
    assert any("this set of oxides" in text for text in warnings)


@pytest.mark.parametrize(
    ("text", "pairs", "said"),
    [("70 SiO2 30 Li2O", None, "--model curve"), ("SiO2", ["Si-B"], "the glass has no pair")],
)
def test_refusals(model: PaperModel, text: str, pairs: list[str] | None, said: str) -> None:
    with pytest.raises(GlasspotError, match=said):
        model.predict(Composition.parse(text), pairs)


def test_sets_it_cannot_learn_from(data: CurveSet) -> None:
    with pytest.raises(GlasspotError, match="two curves or more"):
        train(CurveSet(data.r, ()))
    strange = replace(data.glasses[0], composition=Composition.parse("70 SiO2 30 Li2O"))
    with pytest.raises(GlasspotError, match="knows no Li2O"):
        train(CurveSet(data.r, (strange,)))


def test_record(model: PaperModel, data: CurveSet) -> None:
    training = model.training
    n = data.n_curves
    assert training.epochs == 2
    assert training.held_out.sum() == round(0.2 * n)
    assert training.latents.shape == (n, 8) and len(training.names) == n == len(training.predicted)
    assert training.distinct < n  # sodium borosilicates of different ratios
    assert training.r2_train > training.r2_held_out
    assert 0 < training.mean("drawn") < training.mean("coded")
    assert any("no amounts of Na2O" in note for note in training.notes)


def test_all_curves_may_be_trained_on(data: CurveSet) -> None:
    training = train(data.only([0, 1]), epochs=1, held_out=0.0).training
    assert not training.held_out.any() and training.searched == ()
    assert np.isnan(training.r2_held_out) and np.isfinite(training.picture_error)


def test_saved_and_loaded(model: PaperModel, tmp_path: Path) -> None:
    """Bit for bit, and without torch or scikit-learn."""
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert isinstance(again, PaperModel)
    assert (again.predict(GLASS).g == model.predict(GLASS).g).all()
    assert again.training.searched == model.training.searched
    assert again.training.names == model.training.names
    assert (again.training.predicted == model.training.predicted).all()
    code = (
        "import sys; from pathlib import Path; from glasspot.composition import Composition;"
        "from glasspot.pcf.model_file import load_model;"
        f"load_model(Path({str(tmp_path)!r})).predict(Composition.parse('SiO2'));"
        "assert not {'torch', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_arrays_of_another_network_are_refused(model: PaperModel) -> None:
    arrays = model.network.arrays()
    with pytest.raises(ValueError, match="layer 2 of the encoder"):
        Network.from_arrays(arrays | {"encoder_2_kernel": arrays["encoder_1_kernel"]})


def test_latents_that_fall_asleep_wake_again(data: CurveSet, model: PaperModel) -> None:
    """With the gradient of a plain ReLU, one latent of this seed is 0 for every picture after these epochs."""
    pictures = model.axes.draw(np.array([glass.mean(pair) for glass, pair in data.each()]))
    network, _ = train_autoencoder(pictures, pictures[:0], epochs=30, seed=0)
    assert (network.encode(pictures).std(axis=0) > 0.1).all()


def test_units_of_latents() -> None:
    """A latent that is dead, and one that is nearly so, count for little."""
    latents = np.array([[0.0, 0.0, 0.0], [2.0, 1e-6, 0.0]])
    assert units_of(latents) == pytest.approx([1.0, 0.01, 0.01])
    assert (units_of(np.zeros((3, 2))) == 1).all()
