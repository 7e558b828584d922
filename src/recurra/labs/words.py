"""What is said around a lab by those who run and show it, in each language of the documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from recurra.tasks.task import INSTALL

__all__ = ["WORDS", "Words"]


@final
@dataclass(frozen=True, kw_only=True)
class Words:
    """Templates of `str.format`; the columns are those of the list, with bars between them."""

    columns: str
    how_to_run: str
    lab: str
    about: str
    seconds: str
    lacking: str
    install: str
    left_out: str
    no_pictures: str
    picture: str
    wrote: str
    wrote_notebook: str
    untrue: str
    more_lines: str


WORDS: Final = {
    "en": Words(
        columns="lab | question | time | needs, may take",
        how_to_run="Run one: recurra lab NAME; all of them: recurra lab --all",
        lab="lab {}",
        about=", about {}",
        seconds="{} s",
        lacking="lab {} needs what is not installed here: {}",
        install=INSTALL,
        left_out="lab {} left out: needs {}",
        no_pictures='no pictures: matplotlib is missing: pip install "recurra[show]"',
        picture="picture: {}",
        wrote="wrote {}",
        wrote_notebook="wrote {}, not run yet: open it with Jupyter",
        untrue="not so this time: {}",
        more_lines="... {} lines more",
    ),
    "ko": Words(
        columns="실습 | 질문 | 시간 | 필요, 선택",
        how_to_run="하나만 하려면 recurra lab NAME, 모두 하려면 recurra lab --all",
        lab="실습 {}",
        about=", 약 {}",
        seconds="{}초",
        lacking="실습 {}에 필요한 패키지가 설치되어 있지 않습니다: {}",
        install=(
            'pip install "recurra[all]"; NVIDIA GPU가 없는 리눅스에서는 '
            'pip install "recurra[all]" --extra-index-url https://download.pytorch.org/whl/cpu '
            "(몇 GB나 되는 CUDA 라이브러리를 받지 않습니다)"
        ),
        left_out="실습 {} 건너뜀, 필요한 패키지: {}",
        no_pictures='그림 없음, matplotlib이 필요합니다: pip install "recurra[show]"',
        picture="그림: {}",
        wrote="저장한 파일: {}",
        wrote_notebook="저장한 파일: {} (아직 실행하지 않았습니다. Jupyter로 열어 보세요)",
        untrue="이번에는 맞지 않았습니다: {}",
        more_lines="... 이하 {}줄 생략",
    ),
}
"""By language: en or ko."""
