// Made from the Go types of the API: go test ./internal/web -run TestConsoleTypes -update

export interface SessionList {
  /** The page, the oldest session first. */
  sessions: Array<Session>;
  /** How many sessions pass the filters, on all pages. */
  total: number;
  /** Give it as after for the page that follows; missing on the last one. */
  next?: string;
}

export interface Session {
  /** Names the session for ever. */
  session_id: string;
  /** inviting: the INVITE is under way; confirmed: its 2xx is; established: messages can be sent; terminated: the BYE is under way. */
  state: "inviting" | "confirmed" | "established" | "terminated";
  /** UAC: this node sent the INVITE; UAS: it came from the peer. */
  type: "UAC" | "UAS";
  /** Whom the session is with: from_uri or to_uri, whichever is not this node's. */
  peer_uri: string;
  /** The URI in From of the INVITE. */
  from_uri: string;
  /** The URI in To of the INVITE. */
  to_uri: string;
  /** The Call-ID of the session's SIP dialog. */
  call_id: string;
  /** The peer's MSRP path, once it is known. */
  peer_path?: string;
  /** The media types that the peer accepts, once they are known. */
  content_types?: Array<string>;
  /** Whom the session's events are for. */
  handler: string;
  /** The tags that the request route gave the session. */
  tags?: Record<string, string>;
  /** Who calls, where that was verified. */
  identity?: string;
  /** The realm of a verified username. */
  identity_realm?: string;
  /** What verified the caller: digest, pai or tls. */
  identity_by?: string;
  /** When the INVITE came or left. */
  started: string;
  /** When the session is ended for its duration; missing where there is no limit. */
  expires?: string;
  /** Messages that came and were kept. */
  received: number;
  /** Messages that were accepted for sending. */
  sent: number;
}

export interface Problem {
  /** Always about:blank: the status says what kind of problem it is. */
  type: string;
  /** The status in words. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What was wrong and what would be right. */
  detail?: string;
  /** Each field that was wrong. */
  errors?: Array<FieldProblem>;
}

export interface FieldProblem {
  /** A member of the request's document, a parameter of its query, or a header. */
  field: string;
  /** What is wrong with it and what would be right. */
  detail: string;
}

export interface StartSession {
  /** Whom to call: a SIP URI. */
  to_uri: string;
  /** Who calls: a SIP URI. */
  from_uri: string;
  /** Where the INVITE goes, if not to to_uri. */
  ruri?: string;
  /** The media types to offer; without it text/plain. A list without * leaves out types that RFC 4975 wants every endpoint to take. */
  content_types?: Array<string>;
  /** Record the session's messages from its INVITE on, see traceSession; it takes the right admin, too. */
  trace?: boolean;
}

export interface SendMessage {
  /** The media type; without it text/plain. */
  content_type?: string;
  /** What the message says, where that is text. */
  body?: string;
  /** What it says where that is no text, in base64; in place of body. */
  body_base64?: string;
  /** What the peer shall tell of failures: yes, which is the default: each chunk is answered; partial: errors alone; no: nothing. */
  failure_report?: "yes" | "partial" | "no";
  /** Whether the peer shall report success. */
  success_report?: boolean;
}

export interface SentMessage {
  /** The session. */
  session_id: string;
  /** The Message-ID, which the events that tell its fate bear. */
  message_id: string;
}

export interface SentFile {
  /** The session. */
  session_id: string;
  /** The Message-ID, which the events that tell its fate bear. */
  message_id: string;
  /** How large the file is. */
  octets: number;
}

export interface Recording {
  /** Whether messages are still being recorded. */
  recording: boolean;
  /** Messages that are no longer kept, because there were too many. */
  dropped: number;
  /** The messages, the oldest first. */
  messages: Array<Message>;
}

export interface Message {
  /** Counts the messages of the trace, from 1. */
  number: number;
  /** When it passed. */
  time: string;
  /** What it is a message of. */
  protocol: "SIP" | "MSRP";
  /** Of SIP: UDP, TCP or TLS. */
  transport?: string;
  /** Whether this node sent it. */
  sent: boolean;
  /** The own address. */
  local: string;
  /** The peer's address. */
  remote: string;
  /** How long it was. */
  octets: number;
  /** The message, or its first 16 KiB. Credentials are left out, octets that are no text are replaced. */
  text: string;
}

export interface TraceNext {
  /** How many; 0: none any more. */
  calls: number;
}

export interface WebhookList {
  /** All of them, the oldest first. */
  webhooks: Array<Webhook>;
}

export interface Webhook {
  /** Names the webhook. */
  id: string;
  /** Where events are posted to. */
  url: string;
  /** Only events of one of these types; without it all. */
  types?: Array<"E_MSRP_SESSION_NEW" | "E_MSRP_SESSION_END" | "E_MSRP_MSG_RECEIVED" | "E_MSRP_REPORT_RECEIVED" | "E_MSRP_SESSION_FAILED" | "E_MSRP_MSG_SENT" | "E_MSRP_SESSION_WARNING" | "E_MSRP_CONNECTION_LOST" | "E_MSRP_SESSION_RECOVERED" | "E_MSRP_MSG_QUEUED" | "E_MSRP_MSG_INCOMPLETE">;
  /** Only events of one of these sessions; without it all. */
  sessions?: Array<string>;
  /** Only events of sessions that have all of these tags: NAME, or NAME=VALUE. */
  tags?: Array<string>;
  /** Whether it stands in the configuration; then it cannot be deleted here. */
  configured: boolean;
  /** When it was made. */
  created: string;
  /** active: what was tried last was delivered; retrying: it was not; dead: an event was given up, and nothing was delivered since; gone: the receiver answered 410, and nothing is delivered any more. */
  state: "active" | "retrying" | "dead" | "gone";
  /** Events delivered since the start of the node. */
  delivered: number;
  /** Attempts that failed since the last one that did not. */
  attempts: number;
  /** Events that were read for it and not delivered yet: 1,024 at most, others are in the journal. */
  waiting: number;
  /** Age of the oldest of them; 0 where there is none. */
  lag_seconds: number;
  /** Events that were dropped since the start, as they could not be delivered for as long as events are kept. */
  given_up: number;
  /** How often, since the start, events were no longer kept when their turn came. */
  gaps: number;
  /** Why the last attempt that failed did. */
  last_error?: string;
  /** When that was. */
  last_failure?: string;
  /** When an event was delivered last. */
  last_success?: string;
}

export interface CreateWebhook {
  /** Where events are to be posted to: http or https. */
  url: string;
  /** What requests are signed with, 16 to 256 printable characters; without it one is made, and told once. */
  secret?: string;
  /** Only events of one of these types. */
  types?: Array<"E_MSRP_SESSION_NEW" | "E_MSRP_SESSION_END" | "E_MSRP_MSG_RECEIVED" | "E_MSRP_REPORT_RECEIVED" | "E_MSRP_SESSION_FAILED" | "E_MSRP_MSG_SENT" | "E_MSRP_SESSION_WARNING" | "E_MSRP_CONNECTION_LOST" | "E_MSRP_SESSION_RECOVERED" | "E_MSRP_MSG_QUEUED" | "E_MSRP_MSG_INCOMPLETE">;
  /** Only events of one of these sessions. */
  sessions?: Array<string>;
  /** Only events of sessions that have all of these tags: NAME, or NAME=VALUE. */
  tags?: Array<string>;
  /** Begin after the event with this cursor; 0 begins with the oldest that is kept. Without it, with what comes from now on. */
  from?: string;
}

export interface CreatedWebhook {
  /** The webhook. */
  webhook: Webhook;
  /** What requests are signed with. It is not shown again. */
  secret: string;
}

export interface Health {
  /** As /healthz tells it. */
  status: "ok" | "unavailable";
  /** Why it is not ok. */
  reason?: string;
  /** Which Parley this is. */
  version: string;
  /** When the node started. */
  started: string;
  /** When these figures were taken. */
  now: string;
  /** Where the node listens. */
  listeners: Listeners;
  /** The sessions that live now, by state. */
  sessions: SessionCounts;
  /** Messages since the start. */
  messages: MessageCounts;
  /** How long things took, since the start. */
  latencies: Latencies;
  /** The journal of events. */
  journal: JournalCounts;
  /** What the process uses. */
  process: Process;
}

export interface Listeners {
  /** Where SIP is taken: TRANSPORT:ADDRESS:PORT. */
  sip: Array<string>;
  /** Where MSRP is taken. */
  msrp: Array<string>;
}

export interface SessionCounts {
  /** Their INVITE is under way. */
  inviting: number;
  /** Their 2xx is under way. */
  confirmed: number;
  /** Messages can be sent. */
  established: number;
  /** Their BYE is under way. */
  terminated: number;
}

export interface MessageCounts {
  /** That came and were kept. */
  received: number;
  /** That were accepted for sending. */
  sent: number;
  /** Of those, the ones that were answered 200, reported as successful, or written where no answer was asked for. */
  delivered: number;
  /** The ones that failed, with whatever code. */
  failed: number;
  /** The ones whose success REPORT did not come. */
  unconfirmed: number;
}

export interface Latencies {
  /** From a whole message to its being kept, which its 200 waits for. */
  keeping: Latency;
  /** From the last octet of a chunk that was sent to its response. */
  responses: Latency;
}

export interface Latency {
  /** How many there were. */
  count: number;
  /** How long they were together. */
  seconds: number;
  /** How many were short, the bounds rising; the rest was longer. */
  buckets: Array<LatencyBucket>;
}

export interface LatencyBucket {
  /** In seconds. */
  bound: number;
  /** How many were no longer, those of smaller bounds included. */
  count: number;
}

export interface JournalCounts {
  /** Events that are kept. */
  events: number;
  /** That they take. */
  octets: number;
  /** When the oldest of them happened. */
  oldest?: string;
  /** Events since the journal was made. */
  appended: number;
  /** Events that wait to be kept. */
  waiting: number;
  /** Events that could not be kept, because the journal was unavailable for too long, since the start. */
  dropped: number;
  /** Packs of events, as they are stored, that were found not to be readable, whole or in part, since the start; what they held is lost. */
  damaged: number;
  /** Why nothing can be kept at the moment. */
  problem?: string;
}

export interface Process {
  /** Octets that it has from the operating system, without what it gave back. */
  memory: number;
  /** Goroutines. */
  goroutines: number;
  /** Clients that follow the events. */
  event_streams: number;
}

export interface Ready {
  /** ok once everything listens, until the node shuts down. */
  status: "ok" | "unavailable";
  /** Why not. */
  reason?: string;
}

export interface rpc {
  /** 2.0 */
  jsonrpc: string;
  /** What to do. */
  method: string;
  /** The method's parameters by name, or a list of them by position. */
  params?: unknown;
  /** Comes back with the answer; without it there is none. */
  id?: unknown;
}

/** A session is established: the ACK was sent or received. */
export interface E_MSRP_SESSION_NEW {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_SESSION_NEW";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The URI in From of the INVITE. */
    from_uri: string;
    /** The URI in To of the INVITE. */
    to_uri: string;
    /** The request URI of the INVITE. */
    ruri: string;
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The media types that the peer accepts, separated by blanks. */
    content_types: string;
    /** The Call-ID of the session's SIP dialog. */
    call_id?: string;
    /** Who calls, where that was verified: a username, or a URI. `from_uri` is only what the caller claims. Missing where the caller asked for privacy. */
    identity?: string;
    /** The realm of that username. */
    identity_realm?: string;
    /** What verified it: `digest`, the caller showed a user's credentials; `pai`, a trusted previous hop asserts it; `tls`, the certificate of its TLS connection is for it, a user (`sip:bob@example.org`) or a whole domain (`sip:example.org`). Missing where nothing was verified. */
    identity_by?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** An established session is over, whatever ended it: BYE, `max_duration`, a connection that is lost for good, a 481, a node that shuts down. Once for each session; not after the application's own `end_session`. */
export interface E_MSRP_SESSION_END {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_SESSION_END";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The Call-ID of the session's SIP dialog. */
    call_id?: string;
    /** What ended it, for people. */
    reason?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** A whole message arrived that is not empty; however many chunks it came in. */
export interface E_MSRP_MSG_RECEIVED {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_MSG_RECEIVED";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The Content-Type, with its parameters. */
    content_type: string;
    /** What the message says. A body that is not valid UTF-8 is given in base64 as `body_base64` instead. */
    body?: string;
    /** What the message says. A body that is not valid UTF-8 is given in base64 as `body_base64` instead, in base64. */
    body_base64?: string;
    /** The Message-ID that the peer gave it. */
    message_id?: string;
    /** Of a `message/cpim` (RFC 3862), what it says of itself; nobody but the peer vouches for it. `from`: the senders, as objects with `uri` and, where it is given, `name`; where one such message is within another, the outermost sender stands first; in place of one that calls itself `sip:anonymous@anonymous.invalid` stands `identity` of the session where that is a URI, else the peer's URI in the INVITE, unless the peer asked for privacy. The rest is of the innermost message: `to` and, where they are there, `cc`, `time` (UTC) and `subject`; `headers`: each of its CPIM headers in order, with `namespace` (not for a prefix that was not declared), `name` and `value`; `content_type` and `body` (*octets*) of what it brings, unless `msrp.unwrap_cpim` puts them into the parameters of these names. */
    cpim?: Record<string, unknown>;
    /** Where the body is, if it has more octets than `journal.max_body`; `body` is empty then. `GET /v1/bodies/ID` gives it, for as long as the event is kept: `id`; `octets`, a number; `sha256` of them, in hexadecimal. Of a message/cpim it is the whole one, also with `msrp.unwrap_cpim`. */
    body_ref?: Record<string, unknown>;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** A REPORT came for a message that was sent, or a negative response, or no response for 30 seconds (that not where Failure-Report is `no` or `partial`). */
export interface E_MSRP_REPORT_RECEIVED {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_REPORT_RECEIVED";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The Message-ID of the message that was sent. */
    message_id: string;
    /** Code and comment of a REPORT (`200 OK`); of a negative response its code alone (`413`); after 30 seconds `408`. */
    status: string;
    /** What it is about, as in the header of that name: `1-5/5`. */
    byte_range: string;
    /** The peer's own words beside the code of a negative response. */
    comment?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** A session that was being set up came to nothing: refused, no answer in time, a bad answer, no connection, a node that was restarted meanwhile (503). Parley's own event. */
export interface E_MSRP_SESSION_FAILED {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_SESSION_FAILED";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The SIP status that says it best: that of the final response, 408 where none came, 487 after a CANCEL. */
    code: number;
    /** Why, for people. */
    reason: string;
    /** The URI in From of the INVITE. */
    from_uri: string;
    /** The URI in To of the INVITE. */
    to_uri: string;
    /** The request URI of the INVITE. */
    ruri: string;
    /** The Call-ID of the session's SIP dialog. */
    call_id?: string;
    /** Who calls, where that was verified: a username, or a URI. `from_uri` is only what the caller claims. Missing where the caller asked for privacy. */
    identity?: string;
    /** The realm of that username. */
    identity_realm?: string;
    /** What verified it: `digest`, the caller showed a user's credentials; `pai`, a trusted previous hop asserts it; `tls`, the certificate of its TLS connection is for it, a user (`sip:bob@example.org`) or a whole domain (`sip:example.org`). Missing where nothing was verified. */
    identity_by?: string;
    /** Where the peer says the call should go instead (code 300 to 399): SIP URIs separated by blanks, the best first. */
    contacts?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** The fate of a message that was sent is known, and no report event tells it. Parley's own event. */
export interface E_MSRP_MSG_SENT {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_MSG_SENT";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The Message-ID of the message that was sent. */
    message_id: string;
    /** `delivered`: the peer answered 200. `written`: Failure-Report was `no` or `partial`, and the last octet went to TCP. `unconfirmed`: a success REPORT was asked for and had not come when the session ended. `failed`: it did not arrive; with `partial` this may follow `written`. `unknown`: the process died in between. */
    fate: string;
    /** The MSRP status code that it failed with, if it failed with one. */
    code?: number;
    /** The words beside that code; without one, why the message could not be sent, or not a second time after the loss of a connection. */
    comment?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** Something is odd about an established session, which goes on. Parley's own event. */
export interface E_MSRP_SESSION_WARNING {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_SESSION_WARNING";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** `certificate_changed`: the peer shows, by the fingerprint in its session description, another certificate than the one that was first seen of its SIP identity (RFC 6714 §7.7). It may have a new one; or somebody is between, or claims to be the peer. The node remembers 10,000 peers, as long as it runs. */
    warning: string;
    /** The Call-ID of the session's SIP dialog. */
    call_id?: string;
    /** The same, for people. */
    reason?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** The MSRP connection of an established session broke, and no BYE of the peer's followed: an alarm. With `msrp.recovery` the session waits for another one, with what is sent meanwhile, and `E_MSRP_SESSION_RECOVERED` or `E_MSRP_SESSION_END` follows. Without, the end. Parley's own event. */
export interface E_MSRP_CONNECTION_LOST {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_CONNECTION_LOST";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** Whether the session waits for another connection. */
    recovering: boolean;
    /** The Call-ID of the session's SIP dialog. */
    call_id?: string;
    /** What was lost, for people. */
    reason?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** A session whose connection was lost has another one, by a new offer of either side's. What was not acknowledged is sent again under its Message-ID. Parley's own event. */
export interface E_MSRP_SESSION_RECOVERED {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_SESSION_RECOVERED";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The Call-ID of the session's SIP dialog. */
    call_id?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** A message was accepted for sending: the command is answered when this event is kept. Its fate follows, by E_MSRP_MSG_SENT or E_MSRP_REPORT_RECEIVED. Parley's own event. */
export interface E_MSRP_MSG_QUEUED {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_MSG_QUEUED";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The Message-ID of the message that was sent. */
    message_id: string;
    /** Its Content-Type; empty for a SEND without body. */
    content_type: string;
    /** How large it is. Missing for a stream whose length was not told. */
    octets?: number;
    /** What it says; missing for a stream, and where it has more octets than `journal.max_body`. */
    body?: string;
    /** What it says; missing for a stream, and where it has more octets than `journal.max_body`, in base64. */
    body_base64?: string;
    /** The caller's own key for the command. */
    idempotency_key?: string;
    /** A digest of the command that had this key. */
    request_digest?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** A message will never be whole of which some chunks came and were answered 200: its sender gave it up, or its rest did not come for ten minutes or before the session's end, or it was refused, or the node was restarted meanwhile. Parley's own event. */
export interface E_MSRP_MSG_INCOMPLETE {
  specversion: "1.0";
  /** The event's cursor. */
  id: string;
  /** The node. */
  source: string;
  type: "E_MSRP_MSG_INCOMPLETE";
  /** The session. */
  subject?: string;
  time: string;
  /** Counts the events of the session. */
  sequence?: string;
  /** The trace context of what caused the event, where messages are traced. */
  traceparent?: string;
  datacontenttype: "application/json";
  data: {
    /** The session. It stays the same for as long as the session lives. */
    session_id: string;
    /** The Message-ID that the peer gave it. */
    message_id: string;
    /** How many came, if that is known. */
    octets?: number;
    /** Why, for people. */
    reason?: string;
    /** The handler that the request route named, if it named one. */
    handler?: string;
    /** The tags that the request route gave the session, if it gave any: names with strings. */
    tags?: Record<string, unknown>;
    /** `true` where somebody raised the event by hand (`raise_event`): nothing has happened. It belongs to no session then, whatever its `session_id` says, and has neither `subject` nor `sequence`. */
    raised?: boolean;
  };
}

/** An event, as a CloudEvent 1.0. */
export type Event = E_MSRP_SESSION_NEW | E_MSRP_SESSION_END | E_MSRP_MSG_RECEIVED | E_MSRP_REPORT_RECEIVED | E_MSRP_SESSION_FAILED | E_MSRP_MSG_SENT | E_MSRP_SESSION_WARNING | E_MSRP_CONNECTION_LOST | E_MSRP_SESSION_RECOVERED | E_MSRP_MSG_QUEUED | E_MSRP_MSG_INCOMPLETE;
