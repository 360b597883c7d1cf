"""The fusion in a folder: fusion.json says what it is, fusion.safetensors holds its weights."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from genrec.errors import InputError
from genrec.rankers.features import ABOUT, ALL_FIELDS
from genrec.rankers.fields import RANKERS
from genrec.rankers.fusion_net import FusionNet, Shape
from genrec.rankers.trained import TrainedSettings, read_settings, read_weights, write_trained

NAME = "fusion"
SHIPPED = Path(__file__).parent / "shipped_fusion"
MAX_WIDTH = 1024


class Learned(BaseModel):
    """What the network looks at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layout: dict[str, tuple[str, ...]]  # field -> its features
    about: tuple[str, ...]
    rankers: tuple[str, ...]  # other rankers whose scores it has learned to weigh
    width: int = Field(ge=1, le=MAX_WIDTH)


class FusionSettings(TrainedSettings):
    """What a fusion says of itself."""

    learned: Learned
    cities: tuple[str, ...] = ()  # what else it has seen, in words


def shape_of(learned: Learned) -> Shape:
    """The network's shape."""
    return Shape(tuple(map(len, learned.layout.values())), len(RANKERS), len(learned.about), learned.width)


def write_fusion(folder: Path, settings: FusionSettings, network: FusionNet) -> None:
    """Write a fusion into a folder."""
    write_trained(folder, NAME, settings, network)


def read_fusion(folder: Path, layout: dict[str, tuple[str, ...]]) -> tuple[FusionSettings, FusionNet]:
    """Read a fusion; raises InputError if there is none, it is damaged, or it looks at other features than `layout`."""
    settings = read_settings(folder, NAME, FusionSettings)
    learned = settings.learned
    if tuple(learned.layout) != ALL_FIELDS or learned.layout != layout or learned.about != ABOUT:
        raise InputError(
            "made for other features than this version computes.", file=folder / f"{NAME}.json", fix="Train it again."
        )
    if unknown := set(learned.rankers) - set(RANKERS):
        raise InputError(f"weighs an unknown ranker: {min(unknown)}.", file=folder / f"{NAME}.json")
    network = FusionNet(shape_of(learned))
    read_weights(folder, NAME, network)
    return settings, network
