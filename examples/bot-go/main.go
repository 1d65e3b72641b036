// Command bot-go greets who calls a Parley node, and says back what it hears.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

var (
	node  = cmp.Or(os.Getenv("PARLEY_URL"), "http://127.0.0.1:8888")
	token = os.Getenv("PARLEY_TOKEN")
)

// event is what the bot reads of an event; docs/events.md has all of it.
type event struct {
	Type, Subject string // Subject is the session
	Data          struct {
		ContentType string `json:"content_type"`
		Body        string
	}
}

func main() {
	cursor := "" // the last event that was handled
	for {
		err := follow(&cursor)
		log.Printf("cut off, trying again: %v", err)
		time.Sleep(time.Second)
	}
}

// follow reads the stream of server-sent events: lines "id: …" and "data: …", and an empty one behind each event.
func follow(cursor *string) error {
	query := url.Values{"type": {"E_MSRP_SESSION_NEW,E_MSRP_MSG_RECEIVED"}, "from": {*cursor}}
	answer, err := ask(http.MethodGet, "/v1/events?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	log.Printf("listening to %s", node)
	var id, data string
	lines := bufio.NewReader(answer.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); name {
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if data != "" {
				handle(data)
			}
			*cursor, data = cmp.Or(id, *cursor), ""
		}
	}
}

func handle(data string) {
	var e event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		log.Printf("no event: %v", err)
		return
	}
	switch {
	case e.Type == "E_MSRP_SESSION_NEW":
		say(e.Subject, "Hello! Say something.")
	case strings.HasPrefix(e.Data.ContentType, "text/plain"):
		say(e.Subject, "You said: "+e.Data.Body)
	}
}

// say sends a text. A session that is over by now is no reason to stop.
func say(session, text string) {
	answer, err := ask(http.MethodPost, "/v1/sessions/"+url.PathEscape(session)+"/messages", map[string]any{"body": text})
	if err != nil {
		log.Printf("not sent: %v", err)
		return
	}
	answer.Body.Close()
}

// ask makes a request. An answer that is no success is an error, with what the node says of it.
func ask(method, path string, document any) (*http.Response, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(method, node+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil || answer.StatusCode < 300 {
		return answer, err
	}
	defer answer.Body.Close()
	var problem struct{ Detail string }
	_ = json.NewDecoder(answer.Body).Decode(&problem)
	return nil, fmt.Errorf("%s: %s", answer.Status, problem.Detail)
}
