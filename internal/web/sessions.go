package web

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/web/openapi"
	"github.com/parley-msrp/parley/ua"
)

// Session is a session as /v1 shows it.
type Session struct {
	SessionID     string            `json:"session_id" doc:"Names the session for ever."`
	State         SessionState      `json:"state" doc:"inviting: the INVITE is under way; confirmed: its 2xx is; established: messages can be sent; terminated: the BYE is under way."`
	Type          SessionType       `json:"type" doc:"UAC: this node sent the INVITE; UAS: it came from the peer."`
	PeerURI       string            `json:"peer_uri" doc:"Whom the session is with: from_uri or to_uri, whichever is not this node's."`
	FromURI       string            `json:"from_uri" doc:"The URI in From of the INVITE."`
	ToURI         string            `json:"to_uri" doc:"The URI in To of the INVITE."`
	CallID        string            `json:"call_id" doc:"The Call-ID of the session's SIP dialog."`
	PeerPath      string            `json:"peer_path,omitempty" doc:"The peer's MSRP path, once it is known."`
	ContentTypes  []string          `json:"content_types,omitempty" doc:"The media types that the peer accepts, once they are known."`
	Handler       string            `json:"handler" doc:"Whom the session's events are for."`
	Tags          map[string]string `json:"tags,omitempty" doc:"The tags that the request route gave the session."`
	Identity      string            `json:"identity,omitempty" doc:"Who calls, where that was verified."`
	IdentityRealm string            `json:"identity_realm,omitempty" doc:"The realm of a verified username."`
	IdentityBy    string            `json:"identity_by,omitempty" doc:"What verified the caller: digest, pai or tls."`
	Started       time.Time         `json:"started" doc:"When the INVITE came or left."`
	Expires       *time.Time        `json:"expires,omitempty" doc:"When the session is ended for its duration; missing where there is no limit."`
	Received      uint64            `json:"received" doc:"Messages that came and were kept."`
	Sent          uint64            `json:"sent" doc:"Messages that were accepted for sending."`
}

// SessionState says how far a session is.
type SessionState string

var sessionStates = []string{ua.Inviting: "inviting", ua.Confirmed: "confirmed", ua.Established: "established", ua.Terminated: "terminated"}

// Enum lists the states.
func (SessionState) Enum() []string { return sessionStates }

// SessionType says who sent the INVITE.
type SessionType string

// Enum lists the types.
func (SessionType) Enum() []string { return []string{"UAC", "UAS"} }

// SessionList is one page of sessions.
type SessionList struct {
	Sessions []Session `json:"sessions" doc:"The page, the oldest session first."`
	Total    int       `json:"total" doc:"How many sessions pass the filters, on all pages."`
	Next     string    `json:"next,omitempty" doc:"Give it as after for the page that follows; missing on the last one."`
}

// StartSession asks for a session.
type StartSession struct {
	ToURI        string   `json:"to_uri" doc:"Whom to call: a SIP URI."`
	FromURI      string   `json:"from_uri" doc:"Who calls: a SIP URI."`
	RequestURI   string   `json:"ruri,omitempty" doc:"Where the INVITE goes, if not to to_uri."`
	ContentTypes []string `json:"content_types,omitempty" doc:"The media types to offer; without it text/plain. A list without * leaves out types that RFC 4975 wants every endpoint to take."`
	Trace        bool     `json:"trace,omitempty" doc:"Record the session's messages from its INVITE on, see traceSession; it takes the right admin, too."`
}

type sessionQuery struct {
	State []SessionState `query:"state" doc:"Only sessions in one of these states."`
	Peer  string         `query:"peer" doc:"Only sessions whose peer_uri or identity holds this, in whatever case."`
	Tag   []string       `query:"tag" doc:"Only sessions that have all of these tags: NAME, or NAME=VALUE."`
	Limit int            `query:"limit" default:"100" min:"1" max:"1000" doc:"How many sessions a page holds at most."`
	After string         `query:"after" doc:"The next of the page before."`
}

func (s *Server) sessionRoutes() []route {
	id := []openapi.Param{{In: "path", Name: "session_id", Doc: "The session."}}
	return []route{
		{Operation: openapi.Operation{
			Method: "GET", Path: "/v1/sessions", ID: "listSessions", Tag: "sessions", Summary: "List the sessions",
			Query: sessionQuery{}, Answers: []openapi.Answer{{Status: 200, Doc: "A page of sessions.", Body: SessionList{}, Headers: etagHeader}}, Problems: []int{400},
		}, serve: s.listSessions},
		{Operation: openapi.Operation{
			Method: "POST", Path: "/v1/sessions", ID: "startSession", Tag: "sessions", Summary: "Start a session",
			Detail: "Sends an INVITE, and answers before the peer does: E_MSRP_SESSION_NEW or E_MSRP_SESSION_FAILED tells how it went on.",
			Params: []openapi.Param{keyParam()}, Body: StartSession{},
			Answers: []openapi.Answer{{Status: 201, Doc: "The session, as it begins.", Body: Session{}, Headers: []openapi.Header{
				{Name: "Location", Doc: "The session's path."},
			}}},
			Problems: []int{400, 415, 422, 502, 503},
		}, serve: s.startSession},
		{Operation: openapi.Operation{
			Method: "GET", Path: "/v1/sessions/{session_id}", ID: "getSession", Tag: "sessions", Summary: "Look at a session",
			Params: id, Answers: []openapi.Answer{{Status: 200, Doc: "The session.", Body: Session{}, Headers: etagHeader}}, Problems: []int{404},
		}, serve: s.getSession},
		{Operation: openapi.Operation{
			Method: "DELETE", Path: "/v1/sessions/{session_id}", ID: "endSession", Tag: "sessions", Summary: "End a session",
			Detail: "Ends the call that the session belongs to: BYE, or CANCEL while it rings. No event tells what the application did itself.",
			Params: id, Answers: []openapi.Answer{{Status: 204, Doc: "It ends."}}, Problems: []int{404},
		}, serve: s.endSession},
	}
}

var etagHeader = []openapi.Header{{Name: "ETag", Doc: "Changes with what is shown; If-None-Match with it is answered 304 as long as nothing has changed."}}

func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery[sessionQuery](r)
	if err != nil {
		refuseQuery(w, err)
		return
	}
	if err := (&event.Filter{Tags: query.Tag}).Check(); err != nil {
		refuseQuery(w, wrongField("query", "%v", err))
		return
	}
	after, err := parsePlace(query.After)
	if err != nil {
		refuseQuery(w, err)
		return
	}
	all := s.config.Node.List()
	slices.SortFunc(all, func(a, b control.Session) int { return placeOf(&a).compare(placeOf(&b)) })
	page := SessionList{Sessions: []Session{}}
	for i := range all {
		shown := show(&all[i])
		if !query.matches(&shown) {
			continue
		}
		page.Total++
		if query.After != "" && placeOf(&all[i]).compare(after) <= 0 {
			continue
		}
		if len(page.Sessions) < query.Limit {
			page.Sessions = append(page.Sessions, shown)
			after = placeOf(&all[i])
		} else if page.Next == "" {
			page.Next = after.String()
		}
	}
	writeTagged(w, r, page)
}

func (q *sessionQuery) matches(s *Session) bool {
	if len(q.State) > 0 && !slices.Contains(q.State, s.State) {
		return false
	}
	peer := strings.ToLower(q.Peer)
	if !strings.Contains(strings.ToLower(s.PeerURI), peer) && !strings.Contains(strings.ToLower(s.Identity), peer) {
		return false
	}
	for _, tag := range q.Tag {
		name, value, exact := strings.Cut(tag, "=")
		if got, ok := s.Tags[name]; !ok || exact && got != value {
			return false
		}
	}
	return true
}

// place is where a session stands in the list. It goes on to be a place when its session has ended.
type place struct {
	started int64
	id      string
}

func placeOf(s *control.Session) place { return place{s.Started.UnixNano(), s.SessionID} }

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.started, o.started), cmp.Compare(p.id, o.id))
}

func (p place) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", p.started, p.id))
}

func parsePlace(text string) (place, error) {
	if text == "" {
		return place{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	started, id, ok := strings.Cut(string(b), " ")
	n, notNumber := strconv.ParseInt(started, 10, 64)
	if err != nil || !ok || notNumber != nil {
		return place{}, wrongField("after", "must be the next of another page")
	}
	return place{n, id}, nil
}

func show(s *control.Session) Session {
	peer := s.FromURI
	if s.Type == "UAC" {
		peer = s.ToURI
	}
	shown := Session{
		SessionID: s.SessionID, State: SessionState(sessionStates[s.State]), Type: SessionType(s.Type), PeerURI: peer, FromURI: s.FromURI, ToURI: s.ToURI,
		CallID: s.CallID, PeerPath: s.PeerPath, ContentTypes: s.PeerTypes, Handler: s.Handler, Tags: s.Tags,
		Identity: s.Identity, IdentityRealm: s.IdentityRealm, IdentityBy: s.IdentityBy,
		Started: s.Started.UTC(), Received: s.Received, Sent: s.Sent,
	}
	if !s.Expires.IsZero() {
		expires := s.Expires.UTC()
		shown.Expires = &expires
	}
	return shown
}

func (s *Server) startSession(w http.ResponseWriter, r *http.Request) {
	withDocument(s, w, r, func(start StartSession) {
		if start.Trace && !callerOf(r).Rights.Has(access.Admin) {
			writeProblem(w, Problem{
				Status: http.StatusForbidden, Detail: "a trace takes the right admin",
				Errors: []FieldProblem{{"trace", "takes the right admin"}},
			})
			return
		}
		if len(start.ContentTypes) == 0 {
			start.ContentTypes = []string{"text/plain"}
		}
		id, err := s.config.Node.Start(control.Start{
			FromURI: start.FromURI, ToURI: start.ToURI, RequestURI: cmp.Or(start.RequestURI, start.ToURI), ContentTypes: strings.Join(start.ContentTypes, " "),
			Key: r.Header.Get(keyHeader), Trace: start.Trace,
		})
		if field, ok := errors.AsType[*control.FieldError](err); ok && field.Field == "ruri" && start.RequestURI == "" {
			err = &control.FieldError{Field: "to_uri", Err: field.Err}
		}
		if err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Location", "/v1/sessions/"+url.PathEscape(id))
		session, err := s.config.Node.Session(id)
		if err != nil { // it came to nothing at once, which is told by its event
			session = control.Session{SessionID: id, Type: "UAC", State: int(ua.Terminated), FromURI: start.FromURI, ToURI: start.ToURI, Started: time.Now()}
		}
		writeJSON(w, "application/json", http.StatusCreated, show(&session))
	})
}

func (s *Server) getSession(w http.ResponseWriter, r *http.Request) {
	session, err := s.config.Node.Session(r.PathValue("session_id"))
	if err != nil {
		refuse(w, err)
		return
	}
	writeTagged(w, r, show(&session))
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request) {
	if err := s.config.Node.EndOnce(r.PathValue("session_id"), r.Header.Get(keyHeader)); err != nil {
		refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// refuseQuery answers what is wrong with a query.
func refuseQuery(w http.ResponseWriter, err error) {
	p := problemOf(err)
	p.Status = http.StatusBadRequest
	writeProblem(w, p)
}
