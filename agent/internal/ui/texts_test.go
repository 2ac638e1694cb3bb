package ui

import (
	"slices"
	"strings"
	"time"
)

// texts is one language of what the windows say in tests.
type texts struct {
	question Question
	terms    Question
	prompt   Prompt
	notice   Notice
	progress ProgressText
	bar      BarText
}

var languages = map[string]texts{
	"en": {
		question: Question{Title: "Consento – Show your screen?", Heading: "Show your screen to Anna Bianchi now?",
			Who:    Person{Name: "Anna Bianchi", Team: "Service Desk", Office: "City of Example"},
			Body:   "She sees everything on your screen until you stop. She cannot use your mouse or keyboard.\n\nPlease close private documents, mail and photos first. The session is recorded.",
			Accept: "Show my screen", Refuse: "Do not show", Timeout: 2 * time.Minute,
			Warning: "No answer counts as a no. This window closes in %d seconds.", MoreTime: "More time"},
		terms: Question{Title: "Consento – Terms of use", Heading: "Terms of use for remote help",
			Who:     Person{Name: "Anna Bianchi", Team: "Service Desk", Office: "City of Example"},
			Body:    "Please read the terms. By accepting you also say that you may accept them for your office.",
			Details: strings.Repeat("The service desk helps you on your own computer, with your consent and only while you are there. You can stop at any moment with the red X. Everything that is shown is recorded and sealed, so that nobody can change it.\n\n", 40),
			Links:   []Link{{"Full text of the terms", "https://example.org/terms"}, {"Privacy notice", "https://example.org/privacy"}},
			Accept:  "Accept", Refuse: "Do not accept"},
		prompt: Prompt{Title: "Consento – Session key", Heading: "Enter your session key", Body: "Your technician gave you 7 letters and numbers. The key works for 10 minutes.",
			Label: "Session key", Hint: "Capital or small letters, spaces and hyphens do not matter.", Continue: "Continue", Cancel: "Cancel"},
		notice: Notice{Title: "Consento – Finished", Heading: "The help session is over",
			Body: "The help program and its data have been removed from this computer.\n\nThe list of downloads in your browser may still name the program.", OK: "OK"},
		progress: ProgressText{Title: "Consento – Connecting", Text: "Connecting to the service desk …", Cancel: "Cancel"},
		bar:      BarText{Title: "Consento – Session", Who: "Anna Bianchi sees your screen", Allowed: "View only", Recording: "Recording", End: "End now"},
	},
	"it": {
		question: Question{Title: "Consento – Mostrare lo schermo?", Heading: "Vuoi mostrare ora il tuo schermo ad Anna Bianchi?",
			Who:    Person{Name: "Anna Bianchi", Team: "Assistenza informatica", Office: "Comune di Esempio"},
			Body:   "Anna vede tutto quello che appare sul tuo schermo finché non interrompi. Non può usare il mouse né la tastiera.\n\nChiudi prima i documenti privati, la posta e le foto. La sessione viene registrata.",
			Accept: "Mostra il mio schermo", Refuse: "Non mostrare", Timeout: 2 * time.Minute,
			Warning: "Se non rispondi vale come un no. Questa finestra si chiude tra %d secondi.", MoreTime: "Più tempo"},
		terms: Question{Title: "Consento – Condizioni d'uso", Heading: "Condizioni d'uso dell'assistenza a distanza",
			Who:     Person{Name: "Anna Bianchi", Team: "Assistenza informatica", Office: "Comune di Esempio"},
			Body:    "Leggi le condizioni. Accettando dichiari anche di poterle accettare per conto del tuo ufficio.",
			Details: strings.Repeat("L'assistenza ti aiuta sul tuo computer, con il tuo consenso e solo mentre sei presente. Puoi interrompere in ogni momento con la X rossa. Tutto quello che viene mostrato è registrato e sigillato, perché nessuno possa modificarlo.\n\n", 40),
			Links:   []Link{{"Testo completo delle condizioni", "https://example.org/terms"}, {"Informativa sulla privacy", "https://example.org/privacy"}},
			Accept:  "Accetto", Refuse: "Non accetto"},
		prompt: Prompt{Title: "Consento – Chiave della sessione", Heading: "Inserisci la chiave della sessione", Body: "Il tecnico ti ha dato 7 lettere e numeri. La chiave vale 10 minuti.",
			Label: "Chiave della sessione", Hint: "Maiuscole, spazi e trattini non contano.",
			Error: "Questa chiave è sbagliata o troppo vecchia. Chiedine una nuova al tecnico.", Continue: "Continua", Cancel: "Annulla"},
		notice: Notice{Title: "Consento – Fine", Heading: "La sessione di assistenza è finita",
			Body: "Il programma di assistenza e i suoi dati sono stati rimossi da questo computer.\n\nL'elenco dei download del browser può ancora riportare il nome del programma.", OK: "OK"},
		progress: ProgressText{Title: "Consento – Collegamento", Text: "Collegamento con l'assistenza in corso …", Cancel: "Annulla"},
		bar:      BarText{Title: "Consento – Sessione", Who: "Anna Bianchi vede il tuo schermo", Allowed: "Solo visione", Recording: "Registrazione", End: "Termina ora"},
	},
	"ja": {
		question: Question{Title: "Consento – 画面の共有", Heading: "佐藤 花子さんに今すぐ画面を見せますか?",
			Who:    Person{Name: "佐藤 花子", Team: "情報システム課 サービスデスク", Office: "見本市役所"},
			Body:   "あなたが停止するまで、担当者には画面上のすべてが見えます。マウスやキーボードを操作することはできません。\n\n先に、個人的な文書、メール、写真を閉じてください。このセッションは録画されます。",
			Accept: "画面を見せる", Refuse: "見せない", Timeout: 2 * time.Minute,
			Warning: "お答えがない場合は「いいえ」とみなします。あと %d 秒で閉じます。", MoreTime: "時間を延長"},
		terms: Question{Title: "Consento – 利用規約", Heading: "遠隔サポートの利用規約",
			Who:     Person{Name: "佐藤 花子", Team: "情報システム課 サービスデスク", Office: "見本市役所"},
			Body:    "規約をお読みください。同意することで、所属先を代表して同意する権限があることも表明します。",
			Details: strings.Repeat("サービスデスクは、あなたの同意のもとで、あなたがいる間だけ、あなたのコンピューターでお手伝いします。赤いXでいつでも停止できます。表示された内容はすべて記録され、誰も変更できないように封印されます。\n\n", 40),
			Links:   []Link{{"規約の全文", "https://example.org/terms"}, {"個人情報の取り扱い", "https://example.org/privacy"}},
			Accept:  "同意する", Refuse: "同意しない"},
		prompt: Prompt{Title: "Consento – セッションキー", Heading: "セッションキーを入力してください", Body: "担当者からお伝えした7文字の英数字です。10分間有効です。",
			Label: "セッションキー", Hint: "大文字・小文字、空白、ハイフンは区別しません。", Continue: "続ける", Cancel: "キャンセル"},
		notice: Notice{Title: "Consento – 終了", Heading: "サポートセッションは終了しました",
			Body: "サポートプログラムとそのデータは、このコンピューターから削除されました。\n\nブラウザーのダウンロード一覧にはプログラム名が残ることがあります。", OK: "OK"},
		progress: ProgressText{Title: "Consento – 接続中", Text: "サービスデスクに接続しています…", Cancel: "キャンセル"},
		bar:      BarText{Title: "Consento – セッション", Who: "佐藤 花子さんがあなたの画面を見ています", Allowed: "表示のみ", Recording: "録画中", End: "今すぐ終了"},
	},
}

func init() {
	languages["long"] = languages["en"].longer()
	ar := languages["en"]
	ar.question.Heading, ar.question.Body = "هل تريد عرض شاشتك على آنا بيانكي الآن؟", "ترى كل ما يظهر على شاشتك حتى توقفها. لا يمكنها استخدام الفأرة أو لوحة المفاتيح."
	ar.question.Accept, ar.question.Refuse = "اعرض شاشتي", "لا تعرض"
	ar.bar.Who, ar.bar.Allowed, ar.bar.Recording, ar.bar.End = "آنا بيانكي ترى شاشتك", "عرض فقط", "تسجيل", "إنهاء الآن"
	languages["ar"] = ar
}

// longer is the same in a language that needs three times the room.
func (t texts) longer() texts {
	three := func(s string) string { return s + " " + s + " " + s }
	q := func(q Question) Question {
		q.Heading, q.Body, q.Warning = three(q.Heading), three(q.Body), three(q.Warning)
		q.Who = Person{three(q.Who.Name), three(q.Who.Team), three(q.Who.Office)}
		q.Accept, q.Refuse, q.MoreTime = three(q.Accept), three(q.Refuse), three(q.MoreTime)
		for i := range q.Links {
			q.Links = slices.Clone(q.Links)
			q.Links[i].Label = three(q.Links[i].Label)
		}
		return q
	}
	t.question, t.terms = q(t.question), q(t.terms)
	t.prompt.Heading, t.prompt.Body, t.prompt.Label = three(t.prompt.Heading), three(t.prompt.Body), three(t.prompt.Label)
	t.prompt.Hint, t.prompt.Error = three(t.prompt.Hint), three("Some long error text.")
	t.prompt.Continue, t.prompt.Cancel = three(t.prompt.Continue), three(t.prompt.Cancel)
	t.notice.Heading, t.notice.Body = three(t.notice.Heading), three(t.notice.Body)
	t.progress.Text, t.progress.Cancel = three(t.progress.Text), three(t.progress.Cancel)
	t.bar.Who, t.bar.Allowed, t.bar.Recording, t.bar.End = three(t.bar.Who), three(t.bar.Allowed), three(t.bar.Recording), three(t.bar.End)
	return t
}
