"""What the help of each command shows of its use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "recurra": (
        "recurra train labels reviews.csv --minutes 5",
        'recurra classify runs/labels-reviews-1 "not bad at all"',
    ),
    "train": ("recurra train text corpus.txt", "recurra train series sales.csv --horizon 14"),
    "text": (
        "recurra train text corpus.txt --minutes 5 --out runs/mine",
        "recurra train text logs/*.txt --tokens bytes --reset-at-documents",
    ),
    "labels": (
        "recurra train labels reviews.csv --minutes 5",
        "recurra train labels train.tsv --test test.tsv --text review --label stars",
        "recurra train labels train.conll --tag",
    ),
    "series": (
        "recurra train series sales.csv --horizon 14 --minutes 5",
        "recurra train series shops.parquet --id shop --time day --target sold --futr price",
    ),
    "pairs": (
        "recurra train pairs de-en.tsv --source de --target en --minutes 30",
        "recurra train pairs corpus.de corpus.en --test test.de --test test.en",
    ),
    "captions": (
        "recurra train captions meters/ --minutes 10",
        "recurra train captions table.csv --image file --text reading",
    ),
    "generate": (
        'recurra generate runs/mine --prompt "Once " --length 300',
        "recurra generate runs/mine --temperature 0.5 --count 3 --seed 1",
    ),
    "classify": (
        'recurra classify runs/mine "not bad at all" "dull"',
        "recurra classify runs/mine < lines.txt",
    ),
    "forecast": (
        "recurra forecast runs/mine --plot",
        "recurra forecast runs/mine newer.csv --horizon 7 --out forecasts.csv",
    ),
    "translate": (
        'recurra translate runs/mine "zwei Hunde" --n-best 3',
        "recurra translate runs/mine < lines.txt > translated.txt",
    ),
    "caption": (
        "recurra caption runs/meters photo.png more/*.jpg",
        "recurra caption runs/meters < paths.txt > texts.txt",
    ),
    "evaluate": (
        "recurra evaluate runs/mine",
        "recurra evaluate runs/mine other.csv --json",
        "tail -f app.log | recurra evaluate runs/logs --watch",
    ),
    "show": ("recurra show runs/mine", "recurra show runs/mine --open"),
    "resume": ("recurra resume runs/mine",),
    "certify": ("recurra certify runs/mine",),
    "quantize": ("recurra quantize runs/mine", "recurra quantize runs/mine --out runs/small"),
    "demo": ("recurra demo", "recurra demo labels", "recurra demo captions --out runs/meters"),
    "lab": ("recurra lab", "recurra lab hihello", "recurra lab --all --quick"),
    "docs": ("recurra docs",),
    "doctor": ("recurra doctor", "recurra doctor --json"),
    "completion": ('eval "$(recurra completion bash)"', "recurra completion fish | source"),
}
"""By the name of the command; those of `train` by that of the task."""
