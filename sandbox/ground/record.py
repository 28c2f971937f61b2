"""The base of every record: frozen, closed to unknown fields, and refusing NaN and infinity."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Plain, serialisable data that refuses nonsense at construction."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
