package page

import (
	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// Office is what the pages say about who runs this broker.
type Office struct {
	Name          string   // "": not set up yet
	Phone         string   // as people write it
	Controller    string   // of the data; "": the office itself
	DPO           string   // how to reach the data-protection officer; "": by Phone
	RecordingDays int      // how long recordings are kept
	LogMonths     int      // how long logs are kept
	Languages     []string // in which the pages are offered; none: every one
	Logo          string   // names the picture at /logo; "": none
	CopyDays      int      // how long a customer's private link works
	CopyWithheld  bool     // it leads to the log alone
}

// OfficeOf is what the pages say of an office with these settings.
func OfficeOf(s access.Settings) Office {
	return Office{Name: s.Office.Name, Phone: s.Office.Phone, Controller: s.Office.Controller, DPO: s.Office.PrivacyContact,
		RecordingDays: s.RecordingDays, LogMonths: s.LogMonths, Languages: s.Languages, Logo: s.Logo,
		CopyDays: s.CustomerDays, CopyWithheld: s.WithholdRecording}
}

// Facts are what the texts say of an office.
func (o Office) Facts() access.Facts {
	return access.Facts{Office: ops.Office{Name: o.Name, Phone: o.Phone, Controller: o.Controller, PrivacyContact: o.DPO},
		RecordingDays: o.RecordingDays, LogMonths: o.LogMonths}
}
