"""The tables of the application: the same names and number as Chatwoot's, with the columns the rehearsal needs.

A line is `table: column type, ...`; every table has an `id` besides, and `created_at` and `updated_at` unless it begins
with `-`. A column that ends in `!` gets an index, in `!!` a unique one.
"""

EXTENSIONS = ("pg_stat_statements", "pg_trgm", "pgcrypto", "plpgsql")

_TABLES = """
access_tokens: owner_type text, owner_id bigint, token text!!
account_users: account_id bigint!, user_id bigint!, role integer, availability integer
accounts: name text not null, locale integer, domain text, status integer!, feature_flags bigint
action_mailbox_inbound_emails: status integer, message_id text!!
-active_storage_attachments: name text not null, record_type text, record_id bigint, blob_id bigint!
-active_storage_blobs: key text!!, filename text not null, byte_size bigint, service_name text not null
-active_storage_variant_records: blob_id bigint, variation_digest text!!
agent_bot_inboxes: inbox_id integer, agent_bot_id integer, status integer, account_id integer
agent_bots: name text, outgoing_url text, account_id bigint!, bot_type integer
applied_slas: account_id bigint!, sla_policy_id bigint!, conversation_id bigint!
articles: account_id integer!, portal_id integer!, title text, content text, slug text!!
attachments: file_type integer, external_url text, message_id integer!, account_id integer!
-audits: auditable_id bigint, auditable_type text, user_id bigint!, action text, request_uuid text!
automation_rules: account_id bigint!, name text not null, event_name text not null, active boolean
campaigns: display_id integer, title text not null, message text not null, account_id bigint!, inbox_id bigint!
canned_responses: account_id integer, short_code text, content text
categories: account_id integer, portal_id integer, name text, locale text, slug text!!
channel_api: account_id integer, webhook_url text, identifier text!!, hmac_token text!!
channel_email: account_id integer, email text!!, forward_to_email text!!
channel_facebook_pages: page_id text!, user_access_token text, page_access_token text, account_id integer
channel_line: account_id integer, line_channel_id text!!, line_channel_secret text
channel_sms: account_id integer, phone_number text!!, provider text
channel_telegram: bot_name text, account_id integer, bot_token text!!
channel_twilio_sms: phone_number text!!, auth_token text, account_sid text, account_id integer
channel_twitter_profiles: profile_id text!!, twitter_access_token text, account_id integer
channel_web_widgets: website_url text, account_id integer, website_token text!!, hmac_token text!!
channel_whatsapp: account_id integer, phone_number text!!, provider text
contact_inboxes: contact_id bigint!, inbox_id bigint!, source_id text!, pubsub_token text!!
contacts: name text, email text!, phone_number text!, account_id integer!, identifier text
conversation_participants: account_id bigint!, user_id bigint!, conversation_id bigint!
conversations: account_id integer!, inbox_id integer!, contact_id bigint!, status integer, display_id integer, uuid uuid!!
csat_survey_responses: account_id bigint!, conversation_id bigint!, message_id bigint!!, rating integer
custom_attribute_definitions: attribute_display_name text, attribute_key text, account_id bigint!
custom_filters: name text not null, query jsonb, account_id bigint!, user_id bigint!
dashboard_apps: title text not null, content jsonb, account_id bigint!, user_id bigint!
data_imports: account_id bigint!, data_type text not null, status integer
email_templates: name text not null, body text not null, account_id integer, template_type integer
folders: account_id integer, category_id integer, name text
inbox_members: user_id integer, inbox_id integer!
inboxes: channel_id integer!, account_id integer!, name text not null, channel_type text, portal_id bigint!
installation_configs: name text not null!!, serialized_value jsonb not null, locked boolean not null
integrations_hooks: status integer, inbox_id integer, account_id integer, app_id text, access_token text
labels: title text!, color text not null, account_id bigint!
macros: account_id bigint!, name text not null, actions jsonb
mentions: user_id bigint!, conversation_id bigint!, account_id bigint!
messages: content text, account_id integer!, inbox_id integer!, conversation_id integer!, message_type integer, source_id text!
notes: content text not null, account_id bigint!, contact_id bigint!, user_id bigint!
notification_settings: account_id integer, user_id integer, email_flags integer, push_flags integer
notification_subscriptions: user_id bigint!, subscription_type integer, identifier text!!
notifications: account_id bigint!, user_id bigint!, notification_type integer, read_at timestamp
platform_app_permissibles: platform_app_id bigint!, permissible_type text, permissible_id bigint
platform_apps: name text not null
-portal_members: portal_id bigint!, user_id bigint!
portals: account_id integer, name text not null, slug text!!, custom_domain text!!, archived boolean
-portals_members: portal_id bigint!, user_id bigint!
related_categories: category_id bigint!, related_category_id bigint!
reporting_events: name text!, value double precision, account_id integer!, conversation_id integer!
sla_events: applied_sla_id bigint!, conversation_id bigint!, account_id bigint!, event_type integer
sla_policies: name text not null, account_id bigint!, first_response_time_threshold double precision
-taggings: tag_id integer!, taggable_type text, taggable_id integer!, context text!
-tags: name text!!, taggings_count integer
team_members: team_id bigint!, user_id bigint!
teams: name text not null, account_id bigint!, allow_auto_assign boolean
telegram_bots: name text, auth_key text, account_id integer
users: provider text not null, uid text!, email text!!, name text not null, encrypted_password text not null, pubsub_token text!!
webhooks: account_id integer, inbox_id integer, url text, webhook_type integer
working_hours: account_id bigint!, inbox_id bigint!, day_of_week integer not null, open_all_day boolean
"""

# Statements that the schema ends with: what hangs between tables.
_LINKS = (
    ("add_foreign_key", "active_storage_attachments",
     'ALTER TABLE "active_storage_attachments" ADD CONSTRAINT "fk_rails_c3b3935057" FOREIGN KEY ("blob_id") '
     'REFERENCES "active_storage_blobs" ("id")'),
    ("add_foreign_key", "inboxes",
     'ALTER TABLE "inboxes" ADD CONSTRAINT "fk_rails_a1f654bf2d" FOREIGN KEY ("portal_id") REFERENCES "portals" ("id")'),
    ("create_trigger", "accounts_after_insert_row_tr",
     "CREATE OR REPLACE FUNCTION accounts_after_insert_row_tr() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
     "EXECUTE format('CREATE SEQUENCE IF NOT EXISTS conv_dpid_seq_%s', NEW.id); RETURN NULL; END $body$; "
     'CREATE TRIGGER accounts_after_insert_row_tr AFTER INSERT ON "accounts" FOR EACH ROW '
     "EXECUTE FUNCTION accounts_after_insert_row_tr()"),
    ("create_trigger", "conversations_before_insert_row_tr",
     "CREATE OR REPLACE FUNCTION conversations_before_insert_row_tr() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
     "NEW.display_id := nextval('conv_dpid_seq_' || NEW.account_id); RETURN NEW; END $body$; "
     'CREATE TRIGGER conversations_before_insert_row_tr BEFORE INSERT ON "conversations" FOR EACH ROW '
     "EXECUTE FUNCTION conversations_before_insert_row_tr()"),
)

FIRST_MIGRATION = "20230426130150"

_MIGRATIONS = """
20230426130150 20230503101201 20230509101256 20230510060828 20230510113208 20230515051424 20230523104139 20230525085402
20230608140448 20230612103936 20230614044633 20230620132319 20230620212340 20230706090122 20230714054138 20230727065605
20230801180936 20230905060223 20230911100114 20230915014534 20230927034420 20231011041615 20231013072802 20231114111614
20231129091149 20231201014644 20231211010807 20231219000743 20231219073832 20231223033019 20240124054340 20240124101043
20240129080827 20240213131252 20240215065844 20240216055809 20240306201954 20240319062553 20240322071629 20240415210313
20240510015001 20240516003531
"""

# What each later release adds: it only adds, so that the code of the release before still works on the new schema.
_LATER = {
    "20240726220747": ("3.13.0", "AddCustomRoleToAccountUsers",
                       'ALTER TABLE "account_users" ADD COLUMN "custom_role_id" bigint'),
}


def migrations(version):
    """The migrations that the release carries, oldest first, as (number, name, statement or None)."""
    known = [(number, "InitSchema" if number == FIRST_MIGRATION else f"Release{number}", None)
             for number in _MIGRATIONS.split()]
    known += [(number, name, sql) for number, (since, name, sql) in sorted(_LATER.items())
              if _numbers(since) <= _numbers(version)]
    return known


def _numbers(version):
    return [int(part) for part in version.split(".")]


def tables():
    """Every table as (name, statements that create it and its indexes)."""
    return [_table(*line.split(": ", 1)) for line in _TABLES.strip().splitlines()]


def _table(name, columns):
    stamped = not name.startswith("-")
    name = name.lstrip("-")
    definitions, indexes = ['"id" bigserial PRIMARY KEY'], []
    for column in columns.split(", "):
        label = column.split()[0]
        if column.endswith("!"):
            unique = "UNIQUE " if column.endswith("!!") else ""
            indexes.append(f'CREATE {unique}INDEX "index_{name}_on_{label}" ON "{name}" ("{label}")')
        definitions.append(f'"{label}" {column.rstrip("!").split(" ", 1)[1]}')
    if stamped:
        definitions += ['"created_at" timestamp(6) NOT NULL', '"updated_at" timestamp(6) NOT NULL']
    return name, [f'CREATE TABLE "{name}" ({", ".join(definitions)})', *indexes]


def links():
    return _LINKS
