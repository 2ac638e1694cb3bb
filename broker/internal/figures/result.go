package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// Result is what a survey came to in a range of days, by the questions that are asked now.
type Result struct {
	Survey
	Given int // sessions after which anything was answered
	Asked int // sessions that ended
	Of    []Answers
}

// Answers are those to one question.
type Answers struct {
	Question
	Given  int
	Chosen []int    // how often each answer was chosen
	Said   []string // the newest words
}

// maxSaid bounds the words that are listed for a question.
const maxSaid = 50

// Mean is the mean of the stars; false if nobody gave any.
func (a Answers) Mean() (float64, bool) {
	sum := 0
	for n, count := range a.Chosen {
		sum += (n + 1) * count
	}
	return float64(sum) / float64(max(a.Given, 1)), a.Kind == Stars && a.Given > 0
}

// results counts the answers after sessions that are in the range.
func (f *Figures) results(ctx context.Context, r *Report) error {
	from, to := r.reach()
	narrow, args := within(r.Query.Team, "s.team")
	for _, who := range Respondents() {
		s, err := f.Survey(ctx, who)
		if err != nil {
			return err
		}
		result := Result{Survey: s}
		for _, n := range r.Whole.Stars {
			result.Asked += n
		}
		for _, q := range s.Questions {
			result.Of = append(result.Of, Answers{Question: q, Chosen: make([]int, q.options())})
		}
		err = f.each(ctx, func(scan func(...any) error) error {
			var active int64
			var data string
			if err := scan(&active, &data); err != nil {
				return err
			}
			if n := r.index(at(active), r.Zone); n < 0 || n >= len(r.Days) {
				return nil
			}
			var answers map[string]string
			if err := json.Unmarshal([]byte(data), &answers); err != nil {
				return fmt.Errorf("answers: %w", err)
			}
			result.Given++
			for i := range result.Of {
				result.Of[i].take(answers[result.Of[i].ID])
			}
			return nil
		}, `SELECT s.active, a.data FROM survey_answers a JOIN session_figures s ON s.id = a.session WHERE a.survey = ? AND s.active > 0 AND s.ended > 0 AND s.issued >= ? AND s.issued < ?`+narrow+` ORDER BY a.at DESC`,
			append([]any{who, from, to}, args...)...)
		if err != nil {
			return err
		}
		r.Surveys = append(r.Surveys, result)
	}
	return nil
}

func (a *Answers) take(answer string) {
	if answer == "" {
		return
	}
	if a.Kind == Words {
		a.Given++
		if len(a.Said) < maxSaid {
			a.Said = append(a.Said, answer)
		}
		return
	}
	if n, err := strconv.Atoi(answer); err == nil && n >= 0 && n < len(a.Chosen) {
		a.Given++
		a.Chosen[n]++
	}
}
