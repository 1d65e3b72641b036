package mi

import "encoding/json"

// maxSelection bounds what one get_statistics asks for.
const maxSelection = 100

// getStatistics tells what is counted, as group:name. What there is not is left out; an answer with nothing is an error.
func (s *Server) getStatistics(p params) (any, error) {
	var selection []string
	raw := p.values.of("statistics")
	if one, ok := stringOf(raw); ok {
		selection = []string{one}
	} else if err := json.Unmarshal(raw, &selection); err != nil {
		return nil, invalidParams("statistics is not a list of strings")
	}
	if len(selection) > maxSelection {
		return nil, invalidParams("statistics is a list of at most 100 strings")
	}
	values := s.config.Statistics.Select(selection)
	if len(values) == 0 {
		return nil, &rpcError{Code: 404, Message: "Statistics Not Found"}
	}
	numbers := make(map[string]float64, len(values))
	for i := range values {
		numbers[values[i].Path()] = values[i].Number
	}
	return numbers, nil
}
