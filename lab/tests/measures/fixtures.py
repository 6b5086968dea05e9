"""Writes fixtures.json: measures of heads worked out with numpy and scipy, not with the code that the tests try.

    python3 lab/tests/measures/fixtures.py

Where there is a choice, the way is another than the lab's: least squares on dummy variables for shares of variance,
kernels for CKA, linear programming for flows, all subsets for Shapley values, densities for the probe.
"""

import itertools
import json
from pathlib import Path

import numpy as np
from scipy import cluster, optimize, spatial, stats

random = np.random.default_rng(15)


def softmax(scores, sees):
    scores = np.where(sees, scores, -np.inf)
    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = np.nan_to_num(weights)
    weights = np.round(weights, 6)
    return normalised(weights)


def normalised(weights):
    sums = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)


class Map:
    """Weights and which keys are visible."""

    def __init__(self, weights, sees=None):
        self.weights = np.asarray(weights, float)
        self.sees = np.ones(self.weights.shape, bool) if sees is None else np.asarray(sees, bool)
        self.live = [q for q in range(len(self.weights)) if self.weights[q].sum() > 0]

    def json(self):
        q, k = self.weights.shape
        return {
            "queries": q,
            "keys": k,
            "weights": self.weights.ravel().tolist(),
            "sees": [int(x) for x in self.sees.ravel()],
        }

    def cells(self):
        return [(q, k) for q in self.live for k in range(self.weights.shape[1]) if self.sees[q, k]]

    def excess(self):
        return np.array([self.weights[q, k] - 1 / self.sees[q].sum() for q, k in self.cells()])


def none_or(values):
    return float(np.mean(values)) if len(values) else None


def share(m, targets):
    shares, chances = [], []
    for q in m.live:
        keys = [k for k in range(m.weights.shape[1]) if m.sees[q, k] and targets(q, k)]
        if keys:
            shares.append(m.weights[q, keys].sum())
            chances.append(len(keys) / m.sees[q].sum())
    return [float(np.mean(shares)), float(np.mean(chances)), len(shares)] if shares else None


def adjusted_r2(y, groups):
    """Least squares on one dummy variable a group."""
    names = sorted(set(groups))
    if len(y) <= len(names):
        return None
    x = np.array([[float(g == name) for name in names] for g in groups])
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    n = len(y)
    return float(1 - (residual @ residual / (n - len(names))) / (((y - y.mean()) ** 2).sum() / (n - 1)))


def pattern(m):
    q, k = m.weights.shape
    y = m.excess()
    if min(q, k) < 4 or len(y) == 0 or np.abs(y).max() < 1e-8:
        return [0.0, 0.0, 0.0]
    cells = m.cells()
    vertical = adjusted_r2(y, [c for _, c in cells]) or 0.0
    diagonal = adjusted_r2(y, [r - c for r, c in cells]) or 0.0
    n, best = max(q, k), 0.0
    cuts = [(a,) for a in range(2, n - 1)] + [(a, b) for a in range(2, n - 1) for b in range(a + 2, n - 1)]
    for cut in cuts:
        same = np.array([float(np.searchsorted(cut, r, "right") == np.searchsorted(cut, c, "right")) for r, c in cells])
        if 0 < same.mean() < 1 and np.corrcoef(same, y)[0, 1] > 0:
            best = max(best, np.corrcoef(same, y)[0, 1] ** 2)
    block = 1 - (1 - best) * (len(y) - 1) / (len(y) - 2)
    return [vertical, diagonal, float(block)]


def measures(m):
    rows = [m.weights[q] for q in m.live]
    choosing = [q for q in m.live if m.sees[q].sum() > 1]
    entropies = {q: float(stats.entropy(m.weights[q])) for q in m.live}
    q, k = m.weights.shape
    lags = np.arange(q)[:, None] - np.arange(k)[None, :]
    n = len(m.live)
    singular = np.linalg.svd(m.weights, compute_uv=False)
    distance = None
    if n:
        mean = (m.weights * np.abs(lags)).sum() / n
        second = (m.weights * lags**2).sum() / n
        even = np.mean([np.abs(lags[r][m.sees[r]]).mean() for r in m.live])
        distance = [mean, float(np.sqrt(max(second - mean**2, 0))), (m.weights * lags).sum() / n, even]
    return {
        "entropy": none_or(list(entropies.values())),
        "relative_entropy": none_or([entropies[r] / np.log(m.sees[r].sum()) for r in choosing]),
        "breadth": none_or([np.exp(entropies[r]) / m.sees[r].sum() for r in choosing]),
        "confidence": none_or([row.max() for row in rows]),
        "distance": distance,
        "itself": share(m, lambda q, k: q == k),
        "previous": share(m, lambda q, k: k == q - 1),
        "next": share(m, lambda q, k: k == q + 1),
        "first": share(m, lambda q, k: q > 0 and k == 0),
        "near": share(m, lambda q, k: abs(q - k) <= 2),
        "effective_rank": float(np.exp(stats.entropy(singular))) if n else 0.0,
        "pattern": pattern(m),
    }


def maps():
    square = np.ones((6, 6), bool)
    causal = np.tril(square)
    window = causal & ~np.tril(square, -3)
    hole = causal.copy()
    hole[3] = False
    block = np.kron(np.eye(2), np.ones((4, 4))) * 4
    kinds = {
        "random": Map(softmax(random.normal(size=(6, 6)), square)),
        "peaked": Map(softmax(random.normal(size=(6, 6)) * 4, square)),
        "causal": Map(softmax(random.normal(size=(6, 6)) * 2, causal), causal),
        "window": Map(softmax(random.normal(size=(6, 6)) * 2, window), window),
        "a row fully masked": Map(softmax(random.normal(size=(6, 6)), hole), hole),
        "more keys than queries": Map(softmax(random.normal(size=(4, 9)), np.ones((4, 9), bool))),
        "more queries than keys": Map(softmax(random.normal(size=(9, 4)), np.ones((9, 4), bool))),
        "blocks": Map(softmax(random.normal(size=(8, 8)) * 0.3 + block, np.ones((8, 8), bool))),
        "uniform": Map(np.full((5, 5), 0.2)),
        "one-hot": Map(np.eye(6)[[3, 0, 5, 5, 1, 2]]),
        "first": Map(np.eye(6)[[0] * 6]),
        "all masked": Map(np.zeros((4, 4)), np.zeros((4, 4))),
        "one position": Map(np.ones((1, 1))),
    }
    return [{"name": name, "map": m.json(), "measures": measures(m)} for name, m in kinds.items()]


def over_recordings():
    n, recordings = 7, 5
    sees = np.tril(np.ones((n, n), bool))
    place = random.normal(size=(n, n))
    taken = [Map(softmax(place + 0.8 * random.normal(size=(n, n)), sees), sees) for _ in range(recordings)]
    cells = [cell for m in taken for cell in m.cells()]
    y = np.concatenate([m.excess() for m in taken])
    stack = np.array([m.weights for m in taken])
    lags = {}
    for (q, k), e in zip(cells, y):
        lags.setdefault(q - k, []).append(e)
    lag_shares = {str(l): float(np.mean([m.weights[q, q - l] for m in taken for q in range(l, n)])) for l in range(n)}
    near = np.array([np.mean(lags[l]) for l in range(-(n // 2), n // 2 + 1) if l in lags])
    off = near - near.mean()
    auto = [float((off[: len(off) - t] * off[t:]).sum() / (off**2).sum()) for t in range(min(n // 2, len(off) - 1) + 1)]
    return {
        "maps": [m.json() for m in taken],
        "mean": normalised(stack.mean(axis=0)).ravel().tolist(),
        "spread": stack.std(axis=0).ravel().tolist(),
        "position_r2": adjusted_r2(y, cells),
        "lag_shares": lag_shares,
        "autocorrelation": auto,
    }


def response():
    labels = np.array([0] * 4 + [1] * 6 + [2] * 5)
    activity = np.round(random.normal(size=15) + np.array([0.0, 3.0, 0.5])[labels], 4)
    f = stats.f_oneway(*(activity[labels == c] for c in range(3))).statistic
    between, within = 2, 12
    explained = 1 - (1 - f * between / (f * between + within)) * 14 / within
    one, rest = activity[labels == 1], activity[labels != 1]
    selectivity = (one.mean() - rest.mean()) / np.sqrt((one.var() + rest.var()) / 2)
    return {
        "labels": labels.tolist(),
        "activity": activity.tolist(),
        "class": 1,
        "explained": explained,
        "selectivity": selectivity,
        "means": [activity[labels == c].mean() for c in range(3)],
        "spreads": [activity[labels == c].std(ddof=1) for c in range(3)],
    }


def diversity():
    n, heads, recordings = 5, 4, 3
    sees = np.tril(np.ones((n, n), bool))
    scores = random.normal(size=(recordings, heads, n, n))
    scores[:, 1] = scores[:, 0] + 0.3 * scores[:, 1]
    taken = [[Map(softmax(s, sees), sees) for s in recording] for recording in scores]
    even = np.where(sees, 1 / sees.sum(axis=1, keepdims=True), 0)
    flat = [np.concatenate([(taken[r][h].weights - even).ravel() for r in range(recordings)]) for h in range(heads)]
    js = lambda a, b: np.mean([spatial.distance.jensenshannon(a.weights[q], b.weights[q]) ** 2 for q in range(n)])
    pairs = [(a, b) for a in range(heads) for b in range(heads)]
    overlap = [
        (taken[r][a].weights[q] * taken[r][b].weights[q]).sum()
        for a, b in pairs
        for r in range(recordings)
        for q in range(n)
    ]
    divergences = [np.nan_to_num(np.mean([js(taken[r][a], taken[r][b]) for r in range(recordings)])) for a, b in pairs]
    return {
        "recordings": [[m.json() for m in recording] for recording in taken],
        "correlation": np.corrcoef(flat).ravel().tolist(),
        "divergence": divergences,
        "position_disagreement": -float(np.mean(overlap)),
    }


def outputs():
    recordings, rows, width, heads = 3, 6, 3, 3
    values = np.round(random.normal(size=(recordings, heads, rows, width)), 4) + 0.5
    values[:, 1] = np.round(values[:, 0] @ np.linalg.qr(random.normal(size=(3, 3)))[0] * 2, 4)
    values[0, 2, 0] = 0

    def centred_kernel(x):
        n = len(x)
        j = np.eye(n) - 1 / n
        return j @ (x @ x.T) @ j

    kernels = [centred_kernel(np.concatenate(values[:, h])) for h in range(heads)]
    hsic = lambda a, b: (a * b).sum()
    cka = [[hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b)) for b in kernels] for a in kernels]

    def cosine(a, b):
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        return a @ b / lengths if lengths > 0 else 0.0

    cosines = [
        cosine(values[r, a, q], values[r, b, q])
        for a in range(heads)
        for b in range(heads)
        for r in range(recordings)
        for q in range(rows)
    ]
    x = np.concatenate(values[:, 2])
    residual = x - x.mean(axis=0)
    norm = lambda m: np.sqrt(np.linalg.norm(m, 1) * np.linalg.norm(m, np.inf))
    return {
        "width": width,
        "recordings": [[values[r, h].ravel().tolist() for h in range(heads)] for r in range(recordings)],
        "cka": np.array(cka).ravel().tolist(),
        "disagreement": -float(np.mean(cosines)),
        "residual": norm(residual) / norm(x),
        "effective_number": float(np.exp(stats.entropy(np.linalg.eigvalsh(np.array(cka)).clip(0)))),
    }


def layout():
    points = np.round(random.normal(size=(9, 3)) * [3, 2, 0.3], 4)
    distances = spatial.distance.squareform(spatial.distance.pdist(points))
    tree = cluster.hierarchy.linkage(spatial.distance.squareform(distances), "average")
    n = len(points)
    j = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-j @ distances**2 @ j / 2)
    plane = vectors[:, -2:] * np.sqrt(values[-2:])
    return {
        "distances": distances.ravel().tolist(),
        "order": cluster.hierarchy.leaves_list(tree).tolist(),
        "plane_distances": spatial.distance.squareform(spatial.distance.pdist(plane)).ravel().tolist(),
        "shown": values[-2:].sum() / values.clip(0).sum(),
    }


def ranking():
    a = [3.0, 1.0, 2.0, 2.0, 5.0, 4.0, 4.0, 0.5]
    b = [2.5, 1.5, 2.0, 3.0, 4.0, 4.0, 4.0, 0.1]
    heads = 5
    game = np.round(random.normal(size=2**heads), 3)
    shapley = np.zeros(heads)
    for order in itertools.permutations(range(heads)):
        present = 0
        for head in order:
            shapley[head] += game[present | 1 << head] - game[present]
            present |= 1 << head
    shapley /= len(list(itertools.permutations(range(heads))))
    return {
        "a": a,
        "b": b,
        "spearman": stats.spearmanr(a, b).statistic,
        "kendall": stats.kendalltau(a, b).statistic,
        "game": game.tolist(),
        "shapley": shapley.tolist(),
    }


def norms():
    m = Map(softmax(random.normal(size=(4, 4)), np.ones((4, 4), bool)))
    values, projection = np.round(random.normal(size=(4, 2)), 4), np.round(random.normal(size=(5, 2)), 4)
    moved = np.einsum("qk,ke->qke", m.weights, values @ projection.T)
    return {
        "map": m.json(),
        "width": 2,
        "values": values.ravel().tolist(),
        "projection": projection.ravel().tolist(),
        "norms": np.linalg.norm(moved, axis=2).ravel().tolist(),
    }


def flow():
    n, layers = 4, 3
    sees = np.tril(np.ones((n, n), bool))
    sees[2] = False
    taken = [Map(softmax(random.normal(size=(n, n)) * 2, sees), sees) for _ in range(layers)]
    mixed = [normalised(0.5 * m.weights + 0.5 * np.eye(n)) for m in taken]
    product = mixed[2] @ mixed[1] @ mixed[0]

    def most(output, target):
        # A variable an edge (level, query, key): flow is kept at inner nodes, bounded by the weights, and largest.
        edges = [(l, q, k) for l in range(layers) for q in range(n) for k in range(n)]
        gain = [-1.0 if (l, k) == (0, target) else 0.0 for l, q, k in edges]
        kept, none = [], []
        for level in range(1, layers):
            for node in range(n):
                into = [1.0 if (l, k) == (level, node) else 0.0 for l, q, k in edges]
                out = [1.0 if (l, q) == (level - 1, node) else 0.0 for l, q, k in edges]
                kept.append(np.subtract(into, out))
        none = [1.0 if l == layers - 1 and q != output or l == 0 and k != target else 0.0 for l, q, k in edges]
        bounds = [(0, mixed[l][q, k] if not none[i] else 0) for i, (l, q, k) in enumerate(edges)]
        return -optimize.linprog(gain, A_eq=kept, b_eq=np.zeros(len(kept)), bounds=bounds).fun

    return {
        "layers": [m.json() for m in taken],
        "rollout": product.ravel().tolist(),
        "flow": [[most(output, target) for target in range(n)] for output in range(n)],
    }


def probe():
    width, classes, items = 3, 3, 40
    labels = random.integers(0, classes, size=items)
    centres = np.array([[0, 0, 0], [1, 1, 0], [2, 2, 0]])
    features = np.round(centres[labels] + random.normal(size=(items, width)) * [0.7, 0.5, 1.0], 4)
    train, test = slice(0, 30), slice(30, items)
    x, y, ridge = features[train], labels[train], 0.01
    means = np.array([x[y == c].mean(axis=0) for c in range(classes)])
    residual = x - means[y]
    covariance = residual.T @ residual / len(x)
    covariance += ridge * np.trace(covariance) / width * np.eye(width)
    densities = np.array(
        [
            stats.multivariate_normal.logpdf(features[test], means[c], covariance) + np.log((y == c).mean())
            for c in range(classes)
        ]
    ).T
    return {
        "features": features.ravel().tolist(),
        "labels": labels.tolist(),
        "width": width,
        "train": 30,
        "ridge": ridge,
        "predictions": densities.argmax(axis=1).tolist(),
        "margins": (densities - densities[:, :1]).ravel().tolist(),
        "wilson": [
            [k, n, *stats.binomtest(k, n).proportion_ci(method="wilson")]
            for k, n in [(0, 5), (5, 5), (1, 1), (17, 30), (450, 1000)]
        ],
    }


def language():
    tokens = [7, 3, 9, 3, 3, 7, 3, 9]
    n = len(tokens)
    sees = np.tril(np.ones((n, n), bool))
    m = Map(softmax(random.normal(size=(n, n)) * 2, sees), sees)
    stream = np.round(random.normal(size=(4, 6)), 4)
    gain, row = np.round(random.normal(size=6), 4), np.round(random.normal(size=6), 4)
    x = stream.sum(axis=0)
    rms = np.sqrt((x**2).mean() + 1e-5)
    deviation = np.sqrt(x.var() + 1e-5)
    return {
        "tokens": tokens,
        "map": m.json(),
        "previous": share(m, lambda q, k: k == q - 1),
        "duplicate": share(m, lambda q, k: k < q and tokens[k] == tokens[q]),
        "induction": share(m, lambda q, k: 0 < k < q and tokens[k - 1] == tokens[q]),
        "parts": stream.tolist(),
        "gain": gain.tolist(),
        "row": row.tolist(),
        "rms": {"inverse": 1 / rms, "logit": float((x / rms * gain) @ row)},
        "layer": {"inverse": 1 / deviation, "logit": float(((x - x.mean()) / deviation * gain) @ row)},
    }


def noise():
    exact = np.round(random.normal(size=20), 4)
    approximate = np.round(exact + 0.05 * random.normal(size=20), 4)
    return {
        "exact": exact.tolist(),
        "approximate": approximate.tolist(),
        "decibels": float(20 * np.log10(np.linalg.norm(exact) / np.linalg.norm(exact - approximate))),
    }


def rounded(value):
    """Twelve digits are enough, and the same everywhere."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value if value is None or isinstance(value, (str, int)) else float(f"{float(value):.12g}")


fixtures = {
    "maps": maps(),
    "recordings": over_recordings(),
    "response": response(),
    "diversity": diversity(),
    "outputs": outputs(),
    "layout": layout(),
    "ranking": ranking(),
    "norms": norms(),
    "flow": flow(),
    "probe": probe(),
    "language": language(),
    "noise": noise(),
}
text = ",\n".join(f"{json.dumps(name)}: {json.dumps(rounded(value))}" for name, value in fixtures.items())
(Path(__file__).parent / "fixtures.json").write_text(f"{{\n{text}\n}}\n")
