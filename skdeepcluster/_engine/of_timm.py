"""Networks of timm."""

from __future__ import annotations

import difflib
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as registration

from skdeepcluster._engine.settings import Settings, unknown
from skdeepcluster._engine.weights import check_taken

_LOWEST = (1, 0, 31)  # older ones read pickles with code
# All of timm's names whose part is made with weights of its own from the network.
_DOWNLOADING = {
    "vit_base_resnet26d_224",
    "vit_base_resnet50d_224",
    "vit_small_resnet26d_224",
    "vit_small_resnet50d_s16_224",
}


def settings_of(name: str) -> Settings:
    """What a network asks of its images.

    Parameters
    ----------
    name : str
        Of the architecture, or with a tag: of its weights.

    Raises
    ------
    ImportError
        If timm is missing or too old.
    ValueError
        If timm has no such network.
    """
    config = _config(name)
    channels, *size = config.input_size
    return Settings(
        size=(size[0], size[1]),
        channels=channels,
        mean=tuple(config.mean),
        std=tuple(config.std),
        library=f"timm {_timm().__version__}",
        licence=config.license,
    )


def network_of(
    name: str, size: tuple[int, int], weights: Mapping[str, Tensor] | None
) -> tuple[nn.Module, int]:
    """A network without its classifier, and the number of its features.

    Parameters
    ----------
    name : str
        As of `settings_of`.
    size : (int, int)
        Height and width of images.
    weights : mapping or None
        None draws random ones.

    Raises
    ------
    ValueError
        If the weights are not those of the network.
    """
    timm = _timm()
    config = _config(name)
    wanted: dict[str, Any] = {"num_classes": 0, "in_chans": config.input_size[0]}
    if config.fixed_input_size:  # the others would refuse it
        wanted["img_size"] = size
    if weights is None:
        model = timm.create_model(name, **wanted)
    else:
        model = _loaded(name, wanted, weights)
    return model, model.head_hidden_size


def _loaded(name: str, wanted: dict[str, Any], weights: Mapping[str, Tensor]) -> Any:
    """The network with these weights, brought to its own form by timm."""
    sources = dict.fromkeys(("url", "hf_hub_id", "file", "source"))
    overlay = {**sources, "state_dict": dict(weights), "custom_load": False}
    with _watching() as found:
        try:
            model = _timm().create_model(
                name, pretrained=True, pretrained_cfg_overlay=overlay, **wanted
            )
        except Exception as error:  # whatever unexpected tensors lead timm to
            _check(name, found, str(error))
            raise ValueError(
                f"weights do not belong to backbone='timm:{name}': timm cannot bring "
                f"them into its form ({type(error).__name__})."
            ) from error
    if found["model"] is not model:
        raise ValueError(f"timm took none of the weights for backbone='timm:{name}'.")
    _check(name, found)
    del model.pretrained_cfg["state_dict"]  # a copy of them
    return model


def _check(name: str, found: dict[str, Any], problem: str = "") -> None:
    """Raise ValueError if a tensor that is not the classifier's was left out."""
    if found["model"] is None:
        return
    classifier = _config(name).classifier or ()
    names = (classifier,) if isinstance(classifier, str) else classifier
    prefixes = tuple(f"{each}." for each in names)
    # Masked autoencoders come without it; it changes nothing before it has learnt.
    norms = tuple(f"{each.rpartition('.')[0]}.norm." for each in names if "." in each)
    unexpected = [key for key in found["unexpected"] if not key.startswith(prefixes)]
    if unexpected:  # a classifier may have more layers than the one that is named
        whole = set(_timm().create_model(name).state_dict())
        unexpected = [key for key in unexpected if key not in whole]
    misshapen = re.findall(r"size mismatch for (\S+):", problem)
    check_taken(
        f"timm:{name}",
        len(found["model"].state_dict()),
        missing=[key for key in found["missing"] if not key.startswith(norms)],
        unexpected=unexpected,
        misshapen=misshapen,
    )


@contextmanager
def _watching() -> Iterator[dict[str, Any]]:
    """Find which tensors a network that is made inside it does not take.

    timm says so to its log only, and loads nothing at all where no name fits.
    """
    found: dict[str, Any] = {"model": None}
    handles: dict[nn.Module, Any] = {}
    thread = threading.get_ident()

    def note(model: nn.Module, keys: Any) -> None:  # the whole network comes last
        found.update(model=model, missing=keys.missing_keys)
        found.update(unexpected=keys.unexpected_keys)

    def watch(model: nn.Module, name: str, part: nn.Module | None) -> None:
        if threading.get_ident() == thread and model not in handles:
            handles[model] = model.register_load_state_dict_post_hook(note)

    watching = registration.register_module_module_registration_hook(watch)
    try:
        yield found
    finally:
        watching.remove()
        for handle in handles.values():
            handle.remove()


def _config(name: str) -> Any:
    timm = _timm()
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise unknown("timm", architecture, timm.list_models())
    if architecture in _DOWNLOADING:
        raise ValueError(
            f"backbone='timm:{name}' cannot be used, because timm would download "
            "weights for a part of it, whatever weights are given; take another "
            "network, such as vit_small_patch16_224."
        )
    tags = timm.models.get_arch_pretrained_cfgs(architecture)
    if tag and name not in tags:
        known = [each.partition(".")[2] for each in tags]
        near = difflib.get_close_matches(tag, known, 3, 0) or ["none"]
        raise ValueError(
            f"backbone='timm:{name}': {architecture} has no weights called {tag!r}; "
            f"the nearest are {', '.join(near)}."
        )
    return timm.models.get_pretrained_cfg(name) or timm.models.PretrainedCfg()


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ImportError(
            "backbone='timm:…' needs timm, which is not installed: pip install timm."
        ) from error
    numbers = tuple(int(part) for part in re.findall(r"\d+", timm.__version__)[:3])
    if numbers < _LOWEST:
        lowest = ".".join(map(str, _LOWEST))
        raise ImportError(
            f"backbone='timm:…' needs timm {lowest} or later, which reads pickles "
            f"without code; {timm.__version__} is installed: pip install "
            f"'timm>={lowest}'."
        )
    log = logging.getLogger("timm")  # its warnings are for handlers, if there are any
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return timm
