package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"consento/protocol/lang"
)

// texts is one language of what the windows say in tests.
type texts struct {
	name     Question
	question Question
	choose   Question
	mark     Question
	terms    Question
	prompt   Prompt
	notice   Notice
	progress ProgressText
	bar      BarText
	// What is asked for one thing more, and the bar when it is allowed.
	tool       Question
	controlled BarText
	chat       ChatText
}

// languages are those of the product, by tag, and three more that are hard on a window.
var languages = map[string]texts{}

// helpers are who helps, by language; Anna Bianchi else.
var helpers = map[string]Person{
	"de": {Name: "Hannelore Schwarzenberger-Wiśniewska", Team: "Informationssicherheit", Office: "Bezirksverwaltung Beispielstadt"},
	"ja": {Name: "佐藤 花子", Team: "情報システム課 サービスデスク", Office: "見本市役所"},
}

func init() {
	catalog, err := lang.Load()
	if err != nil {
		panic(err)
	}
	for _, tag := range catalog.Tags() {
		who, ok := helpers[tag]
		if !ok {
			who = Person{Name: "Anna Bianchi", Team: "Service Desk", Office: "Comune di Esempio"}
		}
		languages[tag] = spoken(catalog.Match(tag), who)
	}
	languages["long"] = languages["en"].longer()
	ar := languages["en"]
	ar.question.Heading, ar.question.Body = "هل تريد عرض شاشتك على آنا بيانكي الآن؟", "ترى كل ما يظهر على شاشتك حتى توقفها. لا يمكنها استخدام الفأرة أو لوحة المفاتيح."
	ar.question.Accept, ar.question.Refuse = "اعرض شاشتي", "لا تعرض"
	ar.bar.Who, ar.bar.Allowed, ar.bar.Recording, ar.bar.End = "آنا بيانكي ترى شاشتك", "عرض فقط", "تسجيل", "إنهاء الآن"
	languages["ar"] = ar
}

// spoken is what the agent says in one language.
func spoken(t lang.Texts, who Person) texts {
	bar := BarText{Title: t.T("agent.bar.title"), Who: t.T("agent.bar.view", "name", who.Name), Allowed: t.T("agent.bar.view_only"),
		Recording: t.T("agent.bar.recording"), End: t.T("agent.bar.end"), Pause: t.T("agent.bar.pause"), Change: t.T("agent.bar.change")}
	controlled := bar
	controlled.Allowed, controlled.TakeBack = t.T("agent.bar.allowed", "what", t.T("console.permission.control")), t.T("agent.bar.take_back")
	return texts{
		name: Question{Title: t.T("agent.name.title"), Heading: t.T("agent.name.heading"), Who: who,
			Body: t.T("agent.name.body", "phone", "0123 456 789"), Accept: t.T("agent.name.yes"), Refuse: t.T("agent.name.no")},
		question: Question{Title: t.T("agent.consent.title"), Heading: t.T("agent.consent.heading", "name", who.Name), Who: who,
			Body:   t.T("agent.consent.body", "name", who.Name),
			Accept: t.T("agent.consent.allow"), Refuse: t.T("agent.consent.refuse"), Timeout: 2 * time.Minute,
			Warning:  func(n int) string { return t.T("agent.consent.warning", "seconds", t.Count("seconds", n)) },
			MoreTime: t.T("agent.consent.more_time")},
		choose: Question{Title: t.T("agent.change.title"), Heading: t.T("agent.change.heading", "name", who.Name), Who: who,
			Body: t.T("agent.consent.body_choice", "name", who.Name), Accept: t.T("agent.change.accept"), Refuse: t.T("agent.change.refuse"),
			Choices: Choices{Label: t.T("agent.choice.label", "name", who.Name), List: []Choice{
				{Label: t.T("agent.choice.screens")},
				{Label: t.T("agent.choice.monitor", "n", "1"), Note: t.T("agent.choice.place", "place", t.T("agent.place.left"), "width", "1920", "height", "1080")},
				{Label: t.T("agent.choice.monitor", "n", "2"), Note: t.T("agent.choice.place", "place", t.T("agent.place.right"), "width", "1280", "height", "1024")},
				{Label: t.T("agent.choice.program", "name", "Mousepad"), Note: "*Brief an die Gemeinde – 手紙.txt", Icon: icon()},
				{Label: t.T("agent.choice.program", "name", "XTerm"), Note: strings.Repeat("a long title ", 12)},
			}}},
		mark: Question{Title: t.T("agent.hide.title"), Heading: t.T("agent.hide.heading", "name", who.Name), Body: t.T("agent.hide.body", "name", who.Name),
			Accept: t.T("agent.hide.accept"), Refuse: t.T("agent.hide.refuse"),
			Choices: Choices{Label: t.T("agent.hide.label"), Several: true, Marked: []bool{true, false, false}, List: []Choice{
				{Label: "Firefox", Note: "Online-Banking – 銀行", Icon: icon()}, {Label: "Thunderbird"}, {Label: "XTerm", Note: strings.Repeat("a long title ", 12)}}}},
		terms: Question{Title: t.T("agent.terms.title"), Heading: t.T("agent.terms.heading"), Who: who,
			Body:    t.T("agent.terms.intro", "name", who.Name, "team", who.Team),
			Details: strings.Repeat(t.T("agent.name.heading")+"\n"+t.T("agent.consent.body", "name", who.Name)+"\n\n", 40),
			Links:   []Link{{t.T("agent.terms.link"), "https://example.org/terms"}, {t.T("page.privacy.title"), "https://example.org/privacy"}},
			Accept:  t.T("agent.terms.accept"), Refuse: t.T("agent.terms.refuse")},
		prompt: Prompt{Title: t.T("agent.key.title"), Heading: t.T("agent.key.heading"), Label: t.T("agent.key.label"), Hint: t.T("agent.key.hint"),
			Error: t.T("agent.error.key"), Continue: t.T("agent.key.continue"), Cancel: t.T("agent.key.cancel")},
		notice: Notice{Title: t.T("agent.removed.title"), Heading: t.T("agent.removed.heading"),
			Body: t.T("end.consent_withdrawn") + "\n\n" + t.T("agent.removed.body"), OK: t.T("agent.ok")},
		progress: ProgressText{Title: t.T("agent.connect.title"), Text: t.T("agent.connect.removing"), Cancel: t.T("agent.connect.cancel")},
		bar:      bar, controlled: controlled,
		tool: Question{Title: t.T("agent.tool.title"), Heading: t.T("agent.tool.control.heading", "name", who.Name), Who: who, Body: t.T("agent.tool.control.body", "name", who.Name),
			Accept: t.T("agent.tool.allow"), Refuse: t.T("agent.tool.refuse"), Report: t.T("agent.report"), Delay: time.Minute, Wait: t.T("agent.widen.wait")},
		chat: ChatText{Title: t.T("agent.chat.title"), Heading: t.T("agent.chat.heading", "name", who.Name), Hint: t.T("agent.chat.hint"), Empty: t.T("agent.chat.empty"),
			Label: t.T("agent.chat.label"), Send: t.T("agent.chat.send"), Again: t.T("agent.chat.again"), Close: t.T("agent.chat.close"), Most: 1000},
	}
}

// secondsLeft makes a question's warning of a text with %d.
func secondsLeft(text string) func(int) string {
	return func(n int) string { return fmt.Sprintf(text, n) }
}

// longer is the same in a language that needs three times the room.
func (t texts) longer() texts {
	three := func(s string) string { return s + " " + s + " " + s }
	q := func(q Question) Question {
		q.Heading, q.Body = three(q.Heading), three(q.Body)
		if warning := q.Warning; warning != nil {
			q.Warning = func(seconds int) string { return three(warning(seconds)) }
		}
		q.Who = Person{three(q.Who.Name), three(q.Who.Team), three(q.Who.Office)}
		q.Accept, q.Refuse, q.MoreTime = three(q.Accept), three(q.Refuse), three(q.MoreTime)
		for i := range q.Links {
			q.Links = slices.Clone(q.Links)
			q.Links[i].Label = three(q.Links[i].Label)
		}
		q.Choices.List = slices.Clone(q.Choices.List)
		for i := range q.Choices.List {
			q.Choices.List[i].Label = three(q.Choices.List[i].Label)
		}
		return q
	}
	t.name, t.question, t.choose, t.mark, t.terms, t.tool = q(t.name), q(t.question), q(t.choose), q(t.mark), q(t.terms), q(t.tool)
	t.prompt.Heading, t.prompt.Body, t.prompt.Label = three(t.prompt.Heading), three(t.prompt.Body), three(t.prompt.Label)
	t.prompt.Hint, t.prompt.Error = three(t.prompt.Hint), three("Some long error text.")
	t.prompt.Continue, t.prompt.Cancel = three(t.prompt.Continue), three(t.prompt.Cancel)
	t.notice.Heading, t.notice.Body = three(t.notice.Heading), three(t.notice.Body)
	t.progress.Text, t.progress.Cancel = three(t.progress.Text), three(t.progress.Cancel)
	t.bar.Who, t.bar.Allowed, t.bar.Recording, t.bar.End = three(t.bar.Who), three(t.bar.Allowed), three(t.bar.Recording), three(t.bar.End)
	t.bar.Pause, t.bar.Change, t.bar.Chat = three(t.bar.Pause), three(t.bar.Change), three(t.bar.Chat)
	allowed, back := three(t.controlled.Allowed), three(t.controlled.TakeBack)
	t.controlled = t.bar
	t.controlled.Allowed, t.controlled.TakeBack = allowed, back
	t.chat.Heading, t.chat.Hint, t.chat.Label, t.chat.Again = three(t.chat.Heading), three(t.chat.Hint), three(t.chat.Label), three(t.chat.Again)
	return t
}
