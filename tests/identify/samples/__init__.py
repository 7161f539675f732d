"""Payloads written from specifications, by hand: at least one for every protocol that is only named."""

from tests.identify.asking import Sample
from tests.identify.samples import (
    applications,
    house,
    industry,
    infrastructure,
    media,
    mobile,
    peers,
    services,
    workshop,
)

SAMPLES: list[Sample] = [
    *infrastructure.SAMPLES,
    *services.SAMPLES,
    *media.SAMPLES,
    *mobile.SAMPLES,
    *industry.SAMPLES,
    *applications.SAMPLES,
    *peers.SAMPLES,
    *workshop.SAMPLES,
    *house.SAMPLES,
]
