"""What is not requests a second: each study starts what it needs and gives findings. One not in STUDIES is not run."""

from bench.studies.cold import COLD
from bench.studies.floor import FLOOR
from bench.studies.growth import GROWTH
from bench.studies.large import LARGE
from bench.studies.one_core import ONE_CORE
from bench.studies.start import START
from bench.studies.study import Study
from bench.studies.transformer import TRANSFORMER

STUDIES: tuple[Study, ...] = (FLOOR, ONE_CORE, LARGE, COLD, TRANSFORMER, START, GROWTH)
