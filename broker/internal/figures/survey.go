package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// Respondent is who is asked after a session.
type Respondent string

// Who is asked.
const (
	OfCustomer   Respondent = "customer"
	OfTechnician Respondent = "technician"
)

// Respondents lists who is asked.
func Respondents() []Respondent { return []Respondent{OfCustomer, OfTechnician} }

// Kind is how a question is answered.
type Kind string

// The kinds of questions.
const (
	YesNo  Kind = "yes_no"
	Stars  Kind = "stars"
	Choice Kind = "choice"
	Words  Kind = "words" // a line of text
)

// Kinds lists them.
func Kinds() []Kind { return []Kind{YesNo, Stars, Choice, Words} }

// Question is one of a survey, in the languages in which it is asked.
type Question struct {
	ID      string              `json:"id"` // stays while it means the same
	Kind    Kind                `json:"kind"`
	Texts   map[string]string   `json:"texts"`             // by language
	Choices map[string][]string `json:"choices,omitempty"` // likewise, as many in each
}

// Survey is what somebody is asked, in one version.
type Survey struct {
	Respondent
	Version   int64 // 0: nobody is asked anything yet
	Questions []Question
}

// Bounds of a survey.
const (
	MaxQuestions = 5
	MaxChoices   = 6
	MaxQuestion  = 200 // characters, of a choice too
	MaxWords     = 300 // characters of an answer
)

func wrong(field, code string) error {
	return &access.Invalid{Field: field, Code: code, Reason: "is " + code}
}

// Clean returns the question as it is stored, or an *access.Invalid.
func (q Question) Clean() (Question, error) {
	if !slices.Contains(Kinds(), q.Kind) {
		return q, wrong("kind", "unknown")
	}
	texts, choices, count := map[string]string{}, map[string][]string{}, 0
	for tag, text := range q.Texts {
		if strings.TrimSpace(text) == "" {
			continue // it is not asked in this language
		}
		line, err := ops.CleanLine(text, MaxQuestion)
		if err != nil || len(tag) > 35 {
			return q, wrong("text", "malformed")
		}
		texts[tag] = line
		if q.Kind != Choice {
			continue
		}
		for _, c := range q.Choices[tag] {
			if strings.TrimSpace(c) == "" {
				continue
			}
			line, err := ops.CleanLine(c, MaxQuestion)
			if err != nil {
				return q, wrong("choices", "malformed")
			}
			choices[tag] = append(choices[tag], line)
		}
		n := len(choices[tag])
		if n < 2 || n > MaxChoices || count > 0 && n != count {
			return q, wrong("choices", "count")
		}
		count = n
	}
	if len(texts) == 0 {
		return q, wrong("text", "missing")
	}
	q.Texts, q.Choices = texts, nil
	if q.Kind == Choice {
		q.Choices = choices
	}
	return q, nil
}

// options is how many answers can be chosen from; 0 for words.
func (q Question) options() int {
	switch q.Kind {
	case YesNo:
		return 2
	case Stars:
		return 5
	case Choice:
		for _, list := range q.Choices {
			return len(list)
		}
	}
	return 0
}

// takes checks an answer: of those that are chosen their number, from 0. It returns ""
// where nothing was said.
func (q Question) takes(answer string) (string, error) {
	answer = strings.TrimSpace(strings.ReplaceAll(answer, "\r\n", "\n"))
	if answer == "" {
		return "", nil
	}
	if q.Kind == Words {
		if utf8.RuneCountInString(answer) > MaxWords {
			return "", wrong("words", "too_long")
		}
		line, err := ops.CleanLine(answer, MaxWords)
		if err != nil {
			return "", wrong("words", "malformed")
		}
		return line, nil
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 0 || n >= q.options() {
		return "", wrong("answer", "unknown")
	}
	return strconv.Itoa(n), nil
}

type surveyRow struct {
	bun.BaseModel `bun:"table:survey_versions"`

	Survey Respondent `bun:",pk"`
	Number int64      `bun:",pk"`
	At     int64
	ByID   string
	By     string
	Data   string
}

type answerRow struct {
	bun.BaseModel `bun:"table:survey_answers"`

	Session string     `bun:",pk"`
	Survey  Respondent `bun:",pk"`
	Version int64
	At      int64
	Data    string
}

// Survey returns what somebody is asked now.
func (f *Figures) Survey(ctx context.Context, who Respondent) (Survey, error) {
	return survey(ctx, f.db, who)
}

func survey(ctx context.Context, db bun.IDB, who Respondent) (Survey, error) {
	s := Survey{Respondent: who}
	var rows []surveyRow
	if err := db.NewSelect().Model(&rows).Where("survey = ?", who).Order("number DESC").Limit(1).Scan(ctx); err != nil {
		return s, fmt.Errorf("figures: survey: %w", err)
	}
	for _, row := range rows {
		s.Version = row.Number
		if err := json.Unmarshal([]byte(row.Data), &s.Questions); err != nil {
			return s, fmt.Errorf("figures: survey: %w", err)
		}
	}
	return s, nil
}

// Begin stores the surveys that come with the program, once: an office that took the
// questions out has taken them out.
func (f *Figures) Begin(ctx context.Context, start []Survey) error {
	for _, s := range start {
		for i, q := range s.Questions {
			var err error
			if s.Questions[i], err = q.Clean(); err != nil {
				return fmt.Errorf("figures: survey: %w", err)
			}
		}
		raw, err := json.Marshal(s.Questions)
		if err == nil {
			row := surveyRow{Survey: s.Respondent, Number: 1, At: f.now().UnixMilli(), Data: string(raw)}
			_, err = f.db.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx)
		}
		if err != nil {
			return fmt.Errorf("figures: survey: %w", err)
		}
	}
	return nil
}

// Ask puts a question at a place, from 0; behind the last one more. It makes the version
// after the one that was seen, and notes it on the trail. It returns ErrForbidden,
// ErrStale or an *access.Invalid.
func (f *Figures) Ask(ctx context.Context, by access.Account, who Respondent, seen int64, place int, q Question) error {
	q, err := q.Clean()
	if err != nil {
		return err
	}
	return f.changeSurvey(ctx, by, who, seen, func(list []Question) ([]Question, error) {
		switch {
		case place < 0 || place > len(list) || place >= MaxQuestions:
			return nil, wrong("place", "unknown")
		case place == len(list):
			q.ID = uuid.NewString()
			return append(list, q), nil
		case list[place].Kind != q.Kind || list[place].options() != q.options(): // another question: what was answered belongs to the old one
			q.ID = uuid.NewString()
		default:
			q.ID = list[place].ID
		}
		list[place] = q
		return list, nil
	})
}

// AskNoMore takes a question out, likewise.
func (f *Figures) AskNoMore(ctx context.Context, by access.Account, who Respondent, seen int64, place int) error {
	return f.changeSurvey(ctx, by, who, seen, func(list []Question) ([]Question, error) {
		if place < 0 || place >= len(list) {
			return nil, wrong("place", "unknown")
		}
		return slices.Delete(list, place, place+1), nil
	})
}

func (f *Figures) changeSurvey(ctx context.Context, by access.Account, who Respondent, seen int64, change func([]Question) ([]Question, error)) error {
	if !access.Can(by, access.ManageOffice, access.Scope{}) {
		return ErrForbidden
	}
	if !slices.Contains(Respondents(), who) {
		return wrong("survey", "unknown")
	}
	err := f.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		s, err := survey(ctx, tx, who)
		if err != nil {
			return err
		}
		if s.Version != seen {
			return ErrStale
		}
		if s.Questions, err = change(s.Questions); err != nil {
			return err
		}
		raw, err := json.Marshal(s.Questions)
		if err != nil {
			return err
		}
		row := surveyRow{Survey: who, Number: seen + 1, At: f.now().UnixMilli(), ByID: by.ID, By: by.Name, Data: string(raw)}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "figures.survey", by.ID, map[string]any{"survey": who, "version": row.Number, "questions": json.RawMessage(raw)})
	})
	if err != nil {
		return fmt.Errorf("figures: survey: %w", err)
	}
	return nil
}

// Answer keeps what somebody answered after a session, by question; nothing is needed,
// and what is said again counts instead. The caller makes sure that the session is over
// and theirs. It returns an *access.Invalid for an answer that the question does not take;
// questions that are asked no more are left out.
func (f *Figures) Answer(ctx context.Context, who Respondent, session string, answers map[string]string) error {
	s, err := f.Survey(ctx, who)
	if err != nil {
		return err
	}
	given := map[string]string{}
	for _, q := range s.Questions {
		answer, err := q.takes(answers[q.ID])
		if err != nil {
			return err
		}
		if answer != "" {
			given[q.ID] = answer
		}
	}
	q := f.db.NewDelete().Model((*answerRow)(nil)).Where("session = ?", session).Where("survey = ?", who)
	if len(given) == 0 {
		if _, err := q.Exec(ctx); err != nil {
			return fmt.Errorf("figures: survey: %w", err)
		}
		return nil
	}
	raw, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("figures: survey: %w", err)
	}
	row := answerRow{Session: session, Survey: who, Version: s.Version, At: f.now().UnixMilli(), Data: string(raw)}
	_, err = f.db.NewInsert().Model(&row).On("CONFLICT (session, survey) DO UPDATE").Set("version = EXCLUDED.version").Set("at = EXCLUDED.at").Set("data = EXCLUDED.data").Exec(ctx)
	if err != nil {
		return fmt.Errorf("figures: survey: %w", err)
	}
	return nil
}

// Answered returns what was answered, none if nothing.
func (f *Figures) Answered(ctx context.Context, who Respondent, session string) (map[string]string, error) {
	var rows []answerRow
	if err := f.db.NewSelect().Model(&rows).Where("session = ?", session).Where("survey = ?", who).Scan(ctx); err != nil {
		return nil, fmt.Errorf("figures: survey: %w", err)
	}
	answers := map[string]string{}
	for _, row := range rows {
		var one map[string]string
		if err := json.Unmarshal([]byte(row.Data), &one); err != nil {
			return nil, fmt.Errorf("figures: survey: %w", err)
		}
		maps.Copy(answers, one)
	}
	return answers, nil
}

// Forget deletes what was answered after sessions whose period is over.
func Forget(ctx context.Context, db bun.IDB, sessions ...string) error {
	if len(sessions) == 0 {
		return nil
	}
	if _, err := db.NewDelete().Model((*answerRow)(nil)).Where("session IN (?)", bun.List(sessions)).Exec(ctx); err != nil {
		return fmt.Errorf("figures: survey: %w", err)
	}
	return nil
}

// mineFor is how long a technician can answer about a session.
const mineFor = 7 * 24 * time.Hour

// Mine returns ErrForbidden unless the session was this technician's, somebody was helped
// in it, and it ended within a week.
func (f *Figures) Mine(ctx context.Context, by access.Account, session string) error {
	mine, since := false, f.now().Add(-mineFor).UnixMilli()
	err := f.each(ctx, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		mine = true
		return err
	}, `SELECT id FROM session_figures WHERE id = ? AND technician_id = ? AND active > 0 AND ended >= ?`, session, by.ID, since)
	if err == nil && !mine {
		err = ErrForbidden
	}
	return err
}
