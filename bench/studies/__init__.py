"""What is not requests a second: each study starts what it needs and gives findings. One not in STUDIES is not run."""

from bench.studies.cold import COLD
from bench.studies.floor import FLOOR
from bench.studies.large import LARGE
from bench.studies.start import START
from bench.studies.study import Study

STUDIES: tuple[Study, ...] = (FLOOR, LARGE, COLD, START)
