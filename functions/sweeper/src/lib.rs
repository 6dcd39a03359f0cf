//! Re-enqueues what is due and unattended, ends what is past its deadline, deletes what no row names.
