"""The bucket's notifications: MinIO tells the inbox's listener of each object that is written below ``inbox/``.

The server must have the target, which its variables ``MINIO_NOTIFY_WEBHOOK_*_INBOX`` make. They should name no queue directory:
what is queued MinIO sends every three seconds alone. Nothing is lost without one, since the listener lists as well.
"""

import json
from typing import Any

from perennial.catalog.access import Place
from perennial.catalog.inbox import FOLDER

TARGET = ":INBOX:webhook"
NAME = "perennial-inbox"
EVENTS = ["s3:ObjectCreated:*"]


def set_up_notifications(client: Any, admin: Any, place: Place) -> str:
    """Have the bucket tell of what is written below the inbox, where the server has the target; return what was done.

    Notifications of others on the same bucket stay.
    """
    from minio.notificationconfig import NotificationConfig, PrefixFilterRule, QueueConfig

    targets = [arn for arn in json.loads(admin.info()).get("sqsARN") or [] if arn.endswith(TARGET)]
    found = client.get_bucket_notification(place.bucket)
    others = [one for one in found.queue_config_list if one.config_id != NAME]
    ours = [one for one in found.queue_config_list if one.config_id == NAME]
    below = f"{place.prefix}/{FOLDER}/"
    wanted = [
        QueueConfig(queue=arn, events=EVENTS, config_id=NAME, prefix_filter_rule=PrefixFilterRule(value=below))
        for arn in targets[:1]
    ]
    if [_said(one) for one in ours] != [_said(one) for one in wanted]:
        changed = NotificationConfig(
            cloud_func_config_list=found.cloud_func_config_list,
            queue_config_list=[*others, *wanted],
            topic_config_list=found.topic_config_list,
        )
        client.set_bucket_notification(place.bucket, changed)
    if not wanted:
        return f"{below}: found by listing alone, since MinIO has no webhook target INBOX"
    return f"{below}: what is written there is told to {wanted[0].queue}"


def _said(config: Any) -> tuple[str, list[str], str]:
    return config.queue, list(config.events), config.prefix_filter_rule.value if config.prefix_filter_rule else ""
