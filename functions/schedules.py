"""The schedules of the timers where no setting names another: apart, since they are read at import."""

DEFAULT_TRACK_SCHEDULE = "0 * * * * *"
DEFAULT_RENEW_SCHEDULE = "0 */5 * * * *"
DEFAULT_FEED_SCHEDULE = "0 */15 * * * *"
REMOVE_SCHEDULE = "0 30 * * * *"
