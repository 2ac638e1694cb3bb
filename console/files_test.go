package console_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"consento/protocol"
)

// filesScript is the customer's side of a console's files: it takes what is put, and
// serves what is got.
const filesScript = `
	globalThis.filed = []; // what the console said
	globalThis.got = {}; // content by id
	globalThis.from = {}; // where it began, by id
	globalThis.serves = true; // answers what is put
	globalThis.stalled = false; // acknowledges nothing
	globalThis.called = {}; // what files are called in the end
	globalThis.epoch = 0;
	globalThis.tell = (m) => parcels.send(JSON.stringify({ epoch, ...m }));
	globalThis.piece = (id, at, content) => {
		const data = new Uint8Array(16 + content.length), view = new DataView(data.buffer);
		view.setUint32(0, epoch); view.setUint32(4, id); view.setBigUint64(8, BigInt(at));
		data.set(content, 16);
		parcels.send(data);
	};
	globalThis.takeParcels = (channel) => {
		globalThis.parcels = channel;
		channel.binaryType = "arraybuffer";
		channel.onmessage = ({ data }) => {
			if (typeof data === "string") {
				const m = JSON.parse(data);
				filed.push(m);
				if (m.kind === "put" && serves) tell({ kind: "ready", id: m.id, path: called[m.path] ?? m.path, size: m.size });
				if (m.kind === "end") tell({ kind: "done", id: m.id, hash: m.hash, path: called[m.id] });
				return;
			}
			const view = new DataView(data), id = view.getUint32(4), at = Number(view.getBigUint64(8));
			from[id] ??= at;
			got[id] = (got[id] ?? 0) + data.byteLength - 16;
			if (!stalled) tell({ kind: "ack", id, at: at + data.byteLength - 16 });
		};
	};
	true`

// filesEnd is the customer's side, from the test.
type filesEnd struct {
	t        *testing.T
	customer *browser
	epoch    uint32
}

func (f *filesEnd) tell(m protocol.Transfer) {
	f.t.Helper()
	m.Epoch = f.epoch
	data, err := m.Encode()
	if err != nil {
		f.t.Fatal(err)
	}
	eval[bool](f.customer, fmt.Sprintf("(parcels.send(%q), true)", data))
}

// hears waits for the next message of a kind, and takes it and what came before away.
// Each must be a message that the broker takes.
func (f *filesEnd) hears(kind protocol.TransferKind, permission protocol.Permission) (found protocol.Transfer) {
	f.t.Helper()
	comes(f.customer, string(kind), `JSON.stringify(filed)`, func(raw string) bool {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(raw), &list); err != nil {
			f.t.Fatal(err)
		}
		for n, data := range list {
			m, err := protocol.DecodeTransfer(data)
			if err != nil || !m.FromConsole(permission) || m.Epoch != f.epoch {
				f.t.Fatalf("the console sent %s: %v", data, err)
			}
			if m.Kind == kind {
				found = m
				eval[bool](f.customer, fmt.Sprintf(`(filed.splice(0, %d), true)`, n+1))
				return true
			}
		}
		return false
	})
	return found
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// TestFiles: asked for each way; chosen files go out within the window, from where they
// were; a folder is looked through and fetched; what arrives is checked.
func TestFiles(t *testing.T) {
	p := newPeer(t)
	p.welcome.Permissions = protocol.BuiltInProfiles()[1].Permissions
	b, customer := newBrowser(t, "en"), newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	eval[bool](customer, filesScript)
	now := time.Now()
	active := func(consents ...protocol.Consent) protocol.Session {
		s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
		s.Tools = []protocol.Permission{protocol.SendFiles, protocol.FetchFiles}
		s.Consents = append(s.Consents, consents...)
		return s
	}
	p.keep(active())
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.until("video plays", video+`.videoWidth === 1280`)
	f := &filesEnd{t: t, customer: customer, epoch: 2}
	eval[bool](customer, `(epoch = 2, true)`)
	job := func(name, state string) {
		t.Helper()
		b.until(name+" is "+state, fmt.Sprintf(`[...document.querySelectorAll("[data-testid=files-jobs] li")].findLast((e) => e.dataset.name === %q)?.dataset.state === %q`, name, state))
	}
	says := func(name, text string) {
		t.Helper()
		b.until(name+" says "+text, fmt.Sprintf(`[...document.querySelectorAll("[data-testid=files-jobs] li")].findLast((e) => e.dataset.name === %q)?.textContent.includes(%q)`, name, text))
	}

	b.click("[data-testid=send_files]")
	e := p.wait("consent_request")
	if m, err := protocol.DecodeBody[protocol.ConsentRequest](e); err != nil || m.Permission != protocol.SendFiles {
		t.Fatalf("asked %+v, %v", m, err)
	}
	send := protocol.Consent{Permission: protocol.SendFiles, State: protocol.ConsentAsked, Epoch: 2}
	p.send(e.ID, &protocol.SessionChanged{Session: active(send)})
	b.until("asked", `document.querySelector("[data-testid=files-panel] [data-permission=send_files]")?.dataset.state === "asked"`)
	b.axe("files asked")
	send.State = protocol.ConsentGiven
	p.change(active(send))
	f.hears(protocol.TransferAttach, protocol.SendFiles)
	f.tell(protocol.Transfer{Kind: protocol.TransferOpened, Path: "Scaricati", Size: 5 << 20})
	b.until("the customer's folder", `document.querySelector("[data-testid=files-send]").textContent.includes("Scaricati")`)

	dir := t.TempDir()
	content := bytes.Repeat([]byte("0123456789abcdef"), 100_000) // 1.6 MB
	write := func(name string, data []byte) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	choose := func(files ...string) {
		t.Helper()
		b.do(chromedp.SetUploadFiles("[data-testid=files-choose]", files))
	}
	eval[bool](customer, `(called[1] = "a (1).txt", true)`)
	choose(write("a.txt", content), write("empty", nil))
	if end := f.hears(protocol.TransferEnd, protocol.SendFiles); end.Hash != hashOf(content) && end.Hash != hashOf(nil) {
		t.Errorf("%+v", end)
	}
	if end := f.hears(protocol.TransferEnd, protocol.SendFiles); end.Hash != hashOf(content) && end.Hash != hashOf(nil) {
		t.Errorf("%+v", end)
	}
	job("a.txt", "done")
	job("empty", "done")
	says("a.txt", "a (1).txt")
	if n := eval[int](customer, `got[1]`); n != len(content) {
		t.Errorf("%d bytes came", n)
	}

	// No more than the window is on its way; after a loss it goes on where it was.
	eval[bool](customer, `(stalled = true, true)`)
	choose(write("b.bin", content))
	put := f.hears(protocol.TransferPut, protocol.SendFiles)
	comes(customer, "the window is full", fmt.Sprintf(`got[%d] ?? 0`, put.ID), func(n int) bool { return n > protocol.TransferFirst-2*protocol.MaxChunk })
	b.frames()
	if n := eval[int](customer, fmt.Sprintf(`got[%d]`, put.ID)); n > protocol.TransferFirst {
		t.Errorf("%d bytes are on their way", n)
	}
	job("b.bin", "running")
	b.shot("9-files")
	b.axe("files on their way")
	eval[bool](customer, `(stalled = false, serves = false, true)`)
	f.tell(protocol.Transfer{Kind: protocol.TransferFailed, ID: put.ID, Cause: protocol.FileAway})
	put = f.hears(protocol.TransferPut, protocol.SendFiles)
	const had = 1_000_000
	f.tell(protocol.Transfer{Kind: protocol.TransferReady, ID: put.ID, Path: "b.bin", Size: put.Size, At: had, Hash: hashOf(content[:had])})
	if end := f.hears(protocol.TransferEnd, protocol.SendFiles); end.Hash != hashOf(content) {
		t.Errorf("%+v", end)
	}
	job("b.bin", "done")
	if at := eval[int](customer, fmt.Sprintf(`from[%d]`, put.ID)); at != had {
		t.Errorf("it went on at %d", at)
	}
	choose(write("c.bin", content)) // what is there is another one
	put = f.hears(protocol.TransferPut, protocol.SendFiles)
	f.tell(protocol.Transfer{Kind: protocol.TransferReady, ID: put.ID, Path: "c.bin", Size: put.Size, At: had, Hash: hashOf(nil)})
	f.hears(protocol.TransferEnd, protocol.SendFiles)
	if at := eval[int](customer, fmt.Sprintf(`from[%d]`, put.ID)); at != 0 {
		t.Errorf("it began at %d", at)
	}
	job("c.bin", "done")

	// Refused for good, stopped, taken back.
	choose(write("d.bin", content))
	put = f.hears(protocol.TransferPut, protocol.SendFiles)
	f.tell(protocol.Transfer{Kind: protocol.TransferFailed, ID: put.ID, Cause: protocol.FileSpace})
	job("d.bin", "failed")
	says("d.bin", "disk is full")
	choose(write("e.bin", content))
	put = f.hears(protocol.TransferPut, protocol.SendFiles)
	b.click(`[data-testid=files-jobs] [data-name="e.bin"] button`)
	if m := f.hears(protocol.TransferCancel, protocol.SendFiles); m.ID != put.ID || m.Keep {
		t.Errorf("%+v", m)
	}
	job("e.bin", "failed")
	choose(write("f.bin", content))
	f.hears(protocol.TransferPut, protocol.SendFiles)
	send.State, send.Cause = protocol.ConsentWithdrawn, protocol.CauseCustomer
	fetch := protocol.Consent{Permission: protocol.FetchFiles, State: protocol.ConsentGiven, Epoch: 3}
	p.change(active(send, fetch))
	job("f.bin", "failed")
	b.until("nothing can be sent", `document.querySelector("[data-testid=files-send]") === null`)

	// Looked through, fetched, checked.
	eval[bool](b, `(globalThis.saved = [], HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }, true)`)
	f.epoch = 3
	eval[bool](customer, `(epoch = 3, true)`)
	f.hears(protocol.TransferAttach, protocol.FetchFiles)
	f.tell(protocol.Transfer{Kind: protocol.TransferOpened, Path: "Documenti", Size: 5 << 20})
	list := func(path string, entries ...protocol.FileEntry) {
		t.Helper()
		m := f.hears(protocol.TransferList, protocol.FetchFiles)
		if m.Path != path {
			t.Fatalf("%+v", m)
		}
		f.tell(protocol.Transfer{Kind: protocol.TransferListing, ID: m.ID, Path: path, Count: int64(len(entries)), Left: 2, Entries: entries})
	}
	list("", protocol.FileEntry{Name: "Foto & altro", Folder: true, Modified: now.Unix()}, protocol.FileEntry{Name: "relazione \u6f22.pdf", Size: int64(len(content)), Modified: now.Unix()})
	b.until("listed", `document.querySelectorAll(".files-list li").length === 2 && document.querySelector(".files-left").textContent.includes("2")`)
	b.shot("9-files-fetch")
	b.axe("files listed")
	b.click(`.files-list [data-name="Foto & altro"] button`)
	list("Foto & altro", protocol.FileEntry{Name: "x.jpg", Size: 3})
	b.until("inside", `document.querySelector("[data-testid=files-fetch]").dataset.path === "Foto & altro"`)
	b.click("[data-testid=files-up]")
	list("", protocol.FileEntry{Name: "Foto & altro", Folder: true}, protocol.FileEntry{Name: "relazione \u6f22.pdf", Size: int64(len(content))})

	serve := func(path string, data []byte, hash string) {
		t.Helper()
		m := f.hears(protocol.TransferGet, protocol.FetchFiles)
		if m.Path != path {
			t.Fatalf("%+v", m)
		}
		f.tell(protocol.Transfer{Kind: protocol.TransferReady, ID: m.ID, Path: path, Size: int64(len(data)), At: m.At, Hash: m.Hash})
		for at := m.At; at < int64(len(data)); {
			n := min(protocol.MaxChunk, int64(len(data))-at)
			eval[bool](customer, fmt.Sprintf(`(piece(%d, %d, new TextEncoder().encode(%q)), true)`, m.ID, at, data[at:at+n]))
			at += n
		}
		f.tell(protocol.Transfer{Kind: protocol.TransferEnd, ID: m.ID, Size: int64(len(data)), Hash: hash})
	}
	small := content[:200_000]
	click := func(name string) {
		t.Helper()
		b.click(fmt.Sprintf(`.files-list [data-name=%q] button`, name))
	}
	b.until("listed again", `document.querySelectorAll(".files-list li").length === 2`)
	click("relazione \u6f22.pdf")
	serve("relazione \u6f22.pdf", small, hashOf(small))
	if m := f.hears(protocol.TransferDone, protocol.FetchFiles); m.Hash != hashOf(small) {
		t.Errorf("%+v", m)
	}
	job("relazione \u6f22.pdf", "done")
	click("relazione \u6f22.pdf")
	serve("relazione \u6f22.pdf", small, hashOf(nil))
	f.hears(protocol.TransferCancel, protocol.FetchFiles)
	job("relazione \u6f22.pdf", "failed")
	b.click("[data-testid=files-all]")
	list("", protocol.FileEntry{Name: "Foto & altro", Folder: true}, protocol.FileEntry{Name: "a", Size: 3})
	list("Foto & altro", protocol.FileEntry{Name: "x.jpg", Size: 4})
	serve("a", []byte("one"), hashOf([]byte("one")))
	serve("Foto & altro/x.jpg", []byte("four"), hashOf([]byte("four")))
	job("Documenti.zip", "done")
	if got := eval[[]string](b, `saved`); len(got) != 2 || got[0] != "relazione \u6f22.pdf" || got[1] != "Documenti.zip" {
		t.Errorf("saved %q", got)
	}
	b.narrow("9-files", func() {})
	b.scheme(true)
	b.shot("9-files-dark")
	b.axe("files in the dark")
	b.scheme(false)
}
