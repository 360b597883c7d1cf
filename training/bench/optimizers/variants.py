"""What is compared, and how much of it: the ways to tune, and the settings of a comparison."""

from dataclasses import dataclass, field
from typing import Any, Final

from training.budget.spec import SmallModel
from training.data.conversation import TrainingExample
from training.recipe import Data, Lora, Method, SftRecipe

BATCH: Final = 2
MAX_LENGTH: Final = 4096
FULL: Final = "full, AdamW"


@dataclass(frozen=True)
class Variant:
    """A way to tune.

    Attributes:
        name: in tables.
        method: of a recipe.
        rates: learning rates to try on the small model; none: that of the variant named by `rate_of`.
        rate_of: see `rates`.
        rank: of LoRA's matrices.
        trainer: what a recipe has under `trainer:`.

    """

    name: str
    method: Method
    rates: tuple[float, ...] = ()
    rate_of: str = ""
    rank: int = 16
    trainer: dict[str, Any] = field(default_factory=dict)

    def recipe(self, model: str, data: Data, rate: float, steps: int, seed: int) -> SftRecipe:
        """So many steps at a constant rate, each on the next examples."""
        trainer = {
            "learning_rate": rate,
            "lr_scheduler_type": "constant",
            "per_device_train_batch_size": BATCH,
            "gradient_accumulation_steps": 1,
            "max_steps": steps,
            "train_sampling_strategy": "sequential",
            "save_strategy": "no",
            "report_to": "none",
        }
        return SftRecipe(
            kind="sft",
            model=model,
            method=self.method,
            lora=Lora(r=self.rank),
            seed=seed,
            max_length=MAX_LENGTH,
            data=data,
            trainer=trainer | self.trainer,
        )


def _galore(optim: str, rank: int) -> dict[str, Any]:
    """The paper's settings of fine-tuning and pre-training alike: a new projection each 200 steps, scale 0.25."""
    return {"optim": optim, "optim_args": f"rank={rank}, update_proj_gap=200, scale=0.25"}


RATES: Final = (3e-4, 1e-3, 3e-3)
GALORE_RATES: Final = (1e-3, 3e-3, 1e-2)  # most weights move at a quarter of it
VARIANTS: Final = (
    Variant(FULL, "full", RATES, trainer={"optim": "adamw_torch"}),
    Variant("full, AdamW 8-bit", "full", rate_of=FULL, trainer={"optim": "adamw_8bit"}),
    Variant("GaLore 128", "galore", GALORE_RATES, trainer=_galore("galore_adamw", 128)),
    Variant("GaLore 256", "galore", rate_of="GaLore 128", trainer=_galore("galore_adamw", 256)),
    Variant("GaLore 128, 8-bit", "galore", rate_of="GaLore 128", trainer=_galore("galore_adamw_8bit", 128)),
    Variant("GaLore 128, layer-wise", "galore", rate_of="GaLore 128", trainer=_galore("galore_adamw_layerwise", 128)),
    Variant("LoRA 16", "lora", GALORE_RATES),
    Variant("LoRA 128", "lora", GALORE_RATES, rank=128),
)


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        model: the large model, whose memory and speed are measured.
        cost_steps: on it; the first, which makes projections, is told apart.
        small: the model on which accuracy is measured.
        city: the synthetic city that it learns.
        lines: visits of a diary at most.
        steps: on the small model.
        rate_steps: of each learning rate that is tried.
        seeds: of the order of diaries and of LoRA's matrices.

    """

    model: str
    cost_steps: int = 3
    small: SmallModel = field(
        default=SmallModel(hidden=384, layers=2, vocabulary=2048, cities=4, first_seed=3000, examples=900)
    )
    city: int = 7
    lines: int = 12
    steps: int = 300
    rate_steps: int = 60
    seeds: tuple[int, ...] = (0, 1, 2)


def quick(model: str) -> Settings:
    """Enough to see that all of it runs."""
    small = SmallModel(hidden=64, layers=1, vocabulary=1300, cities=1, first_seed=3000, examples=16)
    return Settings(model, cost_steps=2, small=small, steps=3, rate_steps=2, seeds=(0,))


@dataclass(frozen=True)
class Diaries:
    """A synthetic city, to be learned: its first 80% of check-ins, and by person those of the next two tenths."""

    train: list[TrainingExample]
    validation: list[list[TrainingExample]]
    test: list[list[TrainingExample]]
