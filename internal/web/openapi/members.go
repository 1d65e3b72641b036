package openapi

import (
	"bytes"
	"encoding/json"
)

// Member is one member of an object.
type Member struct {
	Name  string
	Value any
}

// Members are an object whose members have an order, which its JSON keeps.
type Members []Member

// MarshalJSON writes an object.
func (m Members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m[i].Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m[i].Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Get is the value of a member; nil: there is none of that name.
func (m Members) Get(name string) any {
	for i := range m {
		if m[i].Name == name {
			return m[i].Value
		}
	}
	return nil
}
