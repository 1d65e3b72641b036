package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// maxBounds is how often a lifetime is asked for anew because it was out of bounds.
const maxBounds = 2

// maxSeconds bounds the times in responses.
const maxSeconds = 1 << 31

// grant is what relays gave for one session.
type grant struct {
	link    *msrp.Link
	path    []msrp.URI    // Use-Path: the nearest relay first
	expires time.Duration // from now; 0: it does not say
}

// attempt is one session's way through one relay; it outlives a connection.
type attempt struct {
	challenged bool // the nonce at hand came in this attempt, over this connection
	bare       bool // the form of credentials at hand
	other      bool // it is the other one than the one tried first
	stale      bool // a nonce was stale once
	bounds     int  // how often the lifetime was changed
	expires    time.Duration
}

// errAgain says that the connection is lost, and that it is worth going over another one.
var errAgain = errors.New("the connection is lost")

// authenticate gets a path for a session through all own relays, one after the other (RFC 4976 §5.1, R-012). In turn.
func (c *Client) authenticate(ctx context.Context, from msrp.URI) (grant, error) {
	attempts := make([]attempt, len(c.hops))
	for i, h := range c.hops {
		attempts[i] = attempt{bare: h.bare, expires: c.cfg.Expires}
	}
	renewed := false // a connection that stood for longer was found broken
	for {
		link, fresh, err := c.connection(ctx)
		if err != nil {
			return grant{}, &Error{Relay: c.hops[0].uri.Host, Err: err}
		}
		g, err := c.through(ctx, link, attempts, from)
		switch {
		case errors.Is(err, errAgain):
		case errors.Is(err, msrp.ErrConnectionLost) && !fresh && !renewed:
			renewed = true
		default:
			return g, err
		}
		for i := range attempts {
			attempts[i].challenged = false
		}
	}
}

// through asks each relay, over the ones before it.
func (c *Client) through(ctx context.Context, link *msrp.Link, attempts []attempt, from msrp.URI) (grant, error) {
	g := grant{link: link}
	for i, h := range c.hops {
		a := asking{client: c, link: link, hop: h, attempt: &attempts[i], to: append(slices.Clone(g.path), h.uri), from: from}
		r, err := a.ask(ctx)
		if err == nil {
			err = c.accept(&g, r)
		}
		if err != nil {
			return grant{}, &Error{Relay: h.uri.Host, Err: err}
		}
	}
	return g, nil
}

// asking is the AUTH to one relay, repeated as far as that makes sense.
type asking struct {
	*attempt
	client *Client
	link   *msrp.Link
	hop    *hop
	to     []msrp.URI
	from   msrp.URI
}

// ask gives the 200. It is bounded: each way round uses up something of the attempt.
func (a *asking) ask(ctx context.Context) (*msrp.AuthResponse, error) {
	for {
		sent := a.hop.digest.Ready()
		r, err := a.send(ctx)
		if err != nil {
			if err = a.unanswered(ctx, sent, err); err != nil {
				return nil, err
			}
			continue
		}
		switch {
		case r.Code == 200 && !sent:
			return r, nil
		case r.Code == 200:
			if err := a.hop.digest.Accepted(strings.Join(r.Values("Authentication-Info"), ",")); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrCredentials, err)
			}
			a.hop.bare = a.bare
			return r, nil
		case r.Code == 401:
			err = a.challengedAgain(sent, r)
		case r.Code == 423 && a.bounds < maxBounds:
			a.bounds++
			err = a.fit(r)
		default:
			err = &RefusedError{r.Code, r.Comment}
		}
		if err != nil {
			return nil, err
		}
	}
}

func (a *asking) send(ctx context.Context) (*msrp.AuthResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, a.client.cfg.AuthTimeout, fmt.Errorf("%w: no response to an AUTH", msrp.ErrTimeout))
	defer cancel()
	var headers []msrp.Header
	if a.expires > 0 {
		seconds := int64((a.expires + time.Second - 1) / time.Second)
		headers = append(headers, msrp.Header{Name: "Expires", Value: strconv.FormatInt(seconds, 10)})
	}
	if a.hop.digest.Ready() {
		headers = append(headers, msrp.Header{Name: "Authorization", Value: a.hop.digest.Authorization(a.hop.uri.String(), a.bare)})
	}
	return a.link.Auth(ctx, msrp.AuthRequest{To: a.to, From: a.from, Headers: headers})
}

// challengedAgain decides on a 401. Nil: the AUTH is sent once more.
func (a *asking) challengedAgain(sent bool, r *msrp.AuthResponse) error {
	stale, err := a.hop.digest.Challenged(r.Values("WWW-Authenticate"))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	case !sent || !a.challenged: // nothing was refused but a nonce from before
		a.challenged = true
	case stale && !a.stale:
		a.stale = true
	case !a.other:
		a.swap()
	default:
		return &RefusedError{r.Code, r.Comment}
	}
	return nil
}

// swap goes over to the other form of credentials.
func (a *asking) swap() { a.other, a.bare = true, !a.bare }

// unanswered decides on an AUTH without response: relays that stumble over the form of the credentials close the connection, or are silent. Nil: the
// AUTH is sent once more.
func (a *asking) unanswered(ctx context.Context, sent bool, err error) error {
	lost, silent := errors.Is(err, msrp.ErrConnectionLost), errors.Is(err, msrp.ErrTimeout)
	if !sent || !a.challenged || a.other || ctx.Err() != nil || !lost && !silent {
		return err
	}
	a.swap()
	if lost {
		return errAgain
	}
	return nil
}

// fit asks for a lifetime within the bounds of a 423.
func (a *asking) fit(r *msrp.AuthResponse) error {
	low, hasLow := seconds(r, "Min-Expires")
	high, hasHigh := seconds(r, "Max-Expires")
	before := a.expires
	if hasHigh && (a.expires > high || a.expires == 0) {
		a.expires = high
	}
	if hasLow && a.expires < low {
		a.expires = low
	}
	if a.expires == before {
		return &RefusedError{r.Code, r.Comment}
	}
	return nil
}

// seconds reads a header of whole seconds.
func seconds(r *msrp.AuthResponse, name string) (time.Duration, bool) {
	values := r.Values(name)
	if len(values) == 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil {
		return 0, false
	}
	return time.Duration(min(n, maxSeconds)) * time.Second, true
}

// accept reads what a 200 gives; the next relay is asked along it.
func (c *Client) accept(g *grant, r *msrp.AuthResponse) error {
	// One header, or several: the list is theirs together.
	path, err := msrp.ParsePath(strings.Join(strings.Fields(strings.Join(r.Values("Use-Path"), " ")), " "))
	if err != nil {
		return fmt.Errorf("%w: Use-Path: %w", ErrUsePath, err)
	}
	secure := !slices.ContainsFunc(c.hops, func(h *hop) bool { return !h.uri.Secure })
	for _, u := range path {
		switch {
		case u.Port == 0 || u.SessionID == "":
			return fmt.Errorf("%w: a URI of Use-Path has no port or session-id", ErrUsePath)
		case secure && !u.Secure:
			return fmt.Errorf("%w: a URI of Use-Path is not msrps", ErrUsePath)
		}
	}
	g.path = path
	if d, ok := seconds(r, "Expires"); ok {
		if d == 0 {
			return fmt.Errorf("%w: it is expired already", ErrUsePath)
		}
		if g.expires == 0 || d < g.expires {
			g.expires = d
		}
	}
	return nil
}
