package mi

import (
	"bytes"
	"errors"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/msrp"
)

func (s *Server) startSession(p params) (any, error) {
	var start control.Start
	for _, parameter := range []struct {
		name   string
		target *string
	}{
		{"content_types", &start.ContentTypes},
		{"from_uri", &start.FromURI},
		{"to_uri", &start.ToURI},
		{"ruri", &start.RequestURI},
	} {
		var err error
		if *parameter.target, _, err = p.text(parameter.name); err != nil {
			return nil, err
		}
	}
	start.Key = p.key
	id, err := s.config.Node.Start(start)
	if err != nil {
		return nil, &rpcError{Code: 500, Message: "Failed to start session", Data: err.Error()}
	}
	return p.made(id), nil
}

func (s *Server) sendMessage(p params) (any, error) {
	send, err := outgoing(p)
	if err != nil {
		return nil, err
	}
	send.Key, send.Parent = p.key, p.trace
	id, err := s.config.Node.Send(send)
	switch {
	case errors.Is(err, control.ErrUnknownSession):
		return nil, unknownSession()
	case err != nil:
		return nil, cannotSend(err.Error())
	}
	return p.made(id), nil
}

// outgoing reads the parameters of send_message. The report values are checked here, before the session is looked up.
func outgoing(p params) (control.Send, error) {
	var send control.Send
	id, _, err := p.text("session_id")
	if err != nil {
		return send, err
	}
	mime, withBody, err := p.text("mime")
	if err != nil {
		return send, err
	}
	body, _, err := p.octets("body")
	if err != nil {
		return send, err
	}
	failure, err := failureReport(p)
	if err != nil {
		return send, err
	}
	success, err := successReport(p)
	if err != nil {
		return send, err
	}
	send = control.Send{SessionID: id, FailureReport: failure, SuccessReport: success}
	if withBody {
		// An empty type would make this a bodiless SEND, and the body would be lost without a word.
		if mime == "" {
			return send, cannotSend("mime is empty; leave out mime and body for a SEND without body")
		}
		send.ContentType, send.Body = mime, bytes.Clone(body) // whoever called Serve may use the request's memory again
	}
	return send, nil
}

func failureReport(p params) (msrp.FailureReport, error) {
	value, given, err := p.text("failure_report")
	switch {
	case err != nil:
		return 0, err
	case !given || value == "yes":
		return msrp.FailureYes, nil
	case value == "no":
		return msrp.FailureNo, nil
	case value == "partial":
		return msrp.FailurePartial, nil
	}
	return 0, &rpcError{Code: 500, Message: "Unacceptable value for Failure-Report"}
}

func successReport(p params) (bool, error) {
	value, given, err := p.text("success_report")
	switch {
	case err != nil:
		return false, err
	case !given || value == "no":
		return false, nil
	case value == "yes":
		return true, nil
	}
	return false, &rpcError{Code: 500, Message: "Unacceptable value for Success-Report"}
}

func (s *Server) endSession(p params) (any, error) {
	id, _, err := p.text("session_id")
	if err != nil {
		return nil, err
	}
	var wrong *control.FieldError
	switch err := s.config.Node.EndOnce(id, p.key); {
	case errors.Is(err, control.ErrUnknownSession):
		return nil, unknownSession()
	case errors.As(err, &wrong):
		return nil, &rpcError{Code: 500, Message: "Unable to end session", Data: err.Error()}
	case err != nil:
		return nil, &rpcError{Code: 500, Message: "Unable to end session"}
	}
	return "OK", nil
}

func (s *Server) listSessions(params) (any, error) {
	if list := s.config.Node.List(); list != nil {
		return list, nil
	}
	return []control.Session{}, nil
}

func (s *Server) listRegistrations(params) (any, error) {
	if list := s.config.Node.Registrations(); list != nil {
		return list, nil
	}
	return []control.Registration{}, nil
}

func unknownSession() error { return &rpcError{Code: 404, Message: "Unknown session"} }

func cannotSend(reason string) error {
	return &rpcError{Code: 500, Message: "Failed to send message", Data: reason}
}
