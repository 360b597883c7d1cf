"""From check-ins to profiles and recommendations, step by step. `make demo` runs this file.

The cells (# %%) can be run one by one in an editor that knows them, or all at once:
    python examples/quickstart.py
"""

# %% A city with known ground truth. Your own CSV works the same: read_checkins(Path("my.csv")).
from pathlib import Path

from genrec.city import CityConfig, build_city
from genrec.cli.console import err, out, progress_bar
from genrec.cli.render import print_profile, print_ranking, summary_table
from genrec.reading.reader import read_checkins

folder = Path("demo")
with err.status("building a city of 60 people"):
    build_city(CityConfig(users=60, pois=300, days=90, seed=7)).write(folder)
checkins = read_checkins(folder / "checkins.csv")
out.print(f"{len(checkins.frame):,} check-ins at {len(checkins.pois)} places in {folder}/checkins.csv\n")

# %% Visits to predict: the last of each trajectory in the final tenth of the data. What a profile
# may know stops where that tenth starts.
from genrec.trajectories import llm4poi

split = llm4poi(checkins)
examples = list({example.user_id: example for example in reversed(split.examples)}.values())[:6]

# %% Evidence: what these users did before that moment.
from genrec.habits import all_habits

users = [example.user_id for example in examples]
habits = all_habits(checkins, split.start, users)

# %% Profiles: the model phrases the evidence, and what the evidence does not support is dropped.
import time

from genrec.llm.adapter import WRITER
from genrec.llm.local import LocalModel
from genrec.profiles.portrait.writer import LlmWriter
from genrec.profiles.profile import read_profiles
from genrec.profiles.run import run, summarise

with err.status("loading the model (the first time it is unpacked, about a minute)"):
    author = LocalModel.load("embedded", WRITER)
# With a bigger model in place of None, it would also be asked who they are: traits, age group, ...
writer = LlmWriter(author, None, checkins.pois["category"].unique().to_list(), taught=True)
start = time.perf_counter()
with progress_bar() as bar:
    task = bar.add_task("profiles", total=len(users))
    path = folder / f"profiles-{writer.prompt_version}.jsonl"  # one file holds profiles by the same prompts
    written = run(writer, lambda _: habits, users, path, lambda done: bar.update(task, completed=done))
profiles = read_profiles(path)
out.print(summary_table(summarise(profiles.values()), time.perf_counter() - start, len(written)))

# %% Rankings: the fusion's five most probable places, from all that was before the visit. Beside them stand those of
# the model, which reads the profile, and those of habits alone.
from genrec.llm.adapter import SHIPPED
from genrec.rankers.llm import ProfileQuery
from genrec.recommender import LlmRecommender, Recommender

recommender = Recommender(checkins)
llm = LlmRecommender(LocalModel.load("embedded", SHIPPED), checkins)
for example in examples[:3]:
    profile = profiles[example.user_id]
    out.print()
    print_profile(out, profile, backing=False)
    [ranking] = recommender.rank([(example.user_id, example.time)], "fusion", k=5)
    by_llm = llm.recommend(ProfileQuery(profile, example.time, example.prefix), k=5)
    print_ranking(out, ranking, truth=example.target, beside=[by_llm])
