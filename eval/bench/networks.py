"""Networks that were never trained: they rank as fast as trained ones."""

import torch

from eval.methods.method import Method
from eval.methods.rankers import RankerMethod
from eval.methods.sasrec import training_rows
from eval.protocol import Cases
from genrec.clock import local_span
from genrec.columns import POI, USER
from genrec.fingerprint import fingerprint
from genrec.prepared import catalogue_hash
from genrec.rankers import cml, coder, m2trec
from genrec.rankers.graphs import vocabulary_of as nodes_of
from genrec.rankers.metadata import vocabulary_of
from genrec.rankers.trained import TrainedOn


def untrained(asked: Cases, seed: int) -> list[Method]:
    """Networks of the shapes that training on the train part would give them; names are read by their words."""
    seen = training_rows(asked)
    trained_on = TrainedOn(
        fingerprint=fingerprint(seen), rows=len(seen.frame), last=local_span(seen.frame)[1], seed=seed
    )
    visited = seen.frame[POI].unique().sort()
    users, catalogue, places = tuple(seen.frame[USER].unique().sort()), catalogue_hash(seen.pois), len(seen.pois)
    words = vocabulary_of(seen.pois[visited])
    torch.manual_seed(seed)
    by_session = m2trec.M2TRecSettings(trained_on=trained_on, vocabulary=words, sentences=False)
    in_space = cml.CmlSettings(
        catalogue=catalogue, trained_on=trained_on, vocabulary=words, sentences=False, users=users, places=places
    )
    on_graphs = coder.CoderSettings(
        catalogue=catalogue, trained_on=trained_on, users=users, places=places, nodes=nodes_of(seen.pois[visited])
    )
    networks = (
        m2trec.M2TRec(by_session, m2trec.M2TRec.untrained(by_session)),
        cml.Cml(in_space, cml.Cml.untrained(in_space)),
        coder.Coder(on_graphs, coder.Coder.untrained(on_graphs)),
    )
    for network in networks[1:]:
        network.network.visited[visited.to_numpy().astype(int)] = True
    return [RankerMethod(network) for network in networks]
