"""First octets -> protocol and application, with evidence."""

from sonde.identify.agents import match_agent
from sonde.identify.applications import ApplicationError, Applications, Names, match_certificate, match_host
from sonde.identify.catalogue import all_protocols
from sonde.identify.expect import DISPLACED
from sonde.identify.index import rule_names, told_applications
from sonde.identify.match import Matcher, build_matcher
from sonde.identify.route import PROGRESS, ROUTED, Results, build_identify, new_results

__all__ = [
    "DISPLACED",
    "PROGRESS",
    "ROUTED",
    "ApplicationError",
    "Applications",
    "Matcher",
    "Names",
    "Results",
    "all_protocols",
    "build_identify",
    "build_matcher",
    "match_agent",
    "match_certificate",
    "match_host",
    "new_results",
    "rule_names",
    "told_applications",
]
