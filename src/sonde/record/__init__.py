"""Permitted columns -> Arrow batches; the catalogue of schemas."""

from sonde.record.build import build_columns, catalogue, declared
from sonde.record.flow_record import FlowRecord, Names, flow_columns

__all__ = ["FlowRecord", "Names", "build_columns", "catalogue", "declared", "flow_columns"]
