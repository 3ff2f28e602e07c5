"""Frozen records that leave this package. Nothing here knows a database or a front end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from storage.states import CheckpointState, ExecutionState, PhaseRunState

type Json = Mapping[str, Any]
