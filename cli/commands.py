"""The table of commands: where each is, under which heading it is listed, and what it does in one sentence."""

from cli.lazy_group import CommandRow, LazyGroup

_SEND, _COLLECTIONS, _FOLLOW, _CATALOG, _OPERATE = "Send", "Collections", "Follow", "GeoCatalog", "Operate"


class Commands(LazyGroup):
    """All commands of `geocatalog`, in the order in which help lists them."""

    rows = {  # noqa: RUF012 - nothing changes it
        "enqueue": CommandRow("cli.send.enqueue_command:enqueue", _SEND, "Send STAC items to be ingested."),
        "validate": CommandRow(
            "cli.collections.validate_command:validate",
            _COLLECTIONS,
            "Check files offline, and say where each fault is and how to fix it.",
        ),
        "plan": CommandRow(
            "cli.collections.plan_command:plan", _COLLECTIONS, "Show what applying collection files would change."
        ),
        "diff": CommandRow(
            "cli.collections.plan_command:diff",
            _COLLECTIONS,
            "Show where GeoCatalog differs from collection files; ends with 1 if it does.",
        ),
        "apply": CommandRow(
            "cli.collections.apply_command:apply",
            _COLLECTIONS,
            "Make collections as their files say, and wait until they are.",
        ),
        "export": CommandRow(
            "cli.collections.export_command:export",
            _COLLECTIONS,
            "Write collection files from what GeoCatalog has; applying them changes nothing.",
        ),
        "status": CommandRow(
            "cli.follow.status_command:status",
            _FOLLOW,
            "Show counts by collection and state, open operations, queues, dead letters, sources and feeds.",
        ),
        "watch": CommandRow(
            "cli.follow.watch_command:watch",
            _FOLLOW,
            "Show the counts live, with rate and time left, until nothing is queued or open.",
        ),
        "items": CommandRow(
            "cli.follow.items_command:items", _FOLLOW, "List items with their state, newest state of each."
        ),
        "show": CommandRow(
            "cli.follow.show_command:show",
            _FOLLOW,
            "Tell one item's whole story, or what became of a collection's configuration.",
        ),
        "failures": CommandRow(
            "cli.follow.failures_command:failures",
            _FOLLOW,
            "Show what failed, is held or waits, refused parts of collections and dead letters, each with what to do.",
        ),
        "replay": CommandRow(
            "cli.recover.replay_command:replay",
            _FOLLOW,
            "Send failed or canceled items once more, each with its original message.",
        ),
        "resume": CommandRow(
            "cli.recover.resume_command:resume",
            _FOLLOW,
            "Try held and waiting items again at once, after what stopped them has been fixed.",
        ),
        "search": CommandRow("cli.catalog.search_command:search", _CATALOG, "Search the GeoCatalog."),
        "download": CommandRow(
            "cli.catalog.download_command:download",
            _CATALOG,
            "Download asset files of items through signed hrefs, several at once.",
        ),
        "delete": CommandRow(
            "cli.recover.delete_command:delete",
            _CATALOG,
            "Delete items, or with --confirm a whole collection; says how many first.",
        ),
        "cancel": CommandRow(
            "cli.recover.cancel_command:cancel",
            _OPERATE,
            "Cancel operations of GeoCatalog, one by one; never those of the whole catalogue.",
        ),
        "report": CommandRow(
            "cli.report.report_command:report",
            _OPERATE,
            "Write one self-contained page: footprints by state, counts over time, freshness, failures, sources.",
        ),
        "verify": CommandRow(
            "cli.verify.verify_command:verify",
            _OPERATE,
            "Compare the status table with GeoCatalog, and with a source; ends with 1 on any difference.",
        ),
        "sources": CommandRow(
            "cli.sources.sources_command:app",
            _OPERATE,
            "List, add and remove the ingestion sources that the app keeps alive; those that others made are listed "
            "too.",
        ),
        "feeds": CommandRow(
            "cli.feeds.feeds_command:app",
            _OPERATE,
            "Add, list, show, pause, remove and run feeds: collections that fill themselves from a STAC API.",
        ),
        "mirror": CommandRow(
            "cli.mirror.mirror_command:mirror",
            _OPERATE,
            "Mirror a collection of a STAC API: its configuration, its source, and a feed that keeps it full.",
        ),
        "doctor": CommandRow(
            "cli.doctor.doctor_command:doctor",
            _OPERATE,
            "Check settings, login, roles, queues, tables, containers, sources, clock and versions.",
        ),
        "explain": CommandRow(
            "cli.explain.explain_command:explain", _OPERATE, "Say what an error code means and what to do about it."
        ),
        "local": CommandRow(
            "cli.local_stack.local_command:app", _OPERATE, "Run everything that stands in for Azure on this machine."
        ),
    }
