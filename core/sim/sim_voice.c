/* sim_voice.c: which voice answers what. */
#include "core/sim/sim_voice.h"

const struct sim_voice *sim_voice_of(const struct sim_prompt *p)
{
    switch (p->form) {
    case SIM_FORM_CONVERSE:
        return &sim_voice_converse;
    case SIM_FORM_CLAUDE:
        return &sim_voice_claude;
    case SIM_FORM_MESSAGES:
        return &sim_voice_messages;
    case SIM_FORM_NOVA:
        return &sim_voice_nova;
    case SIM_FORM_LLAMA:
        return &sim_voice_llama;
    case SIM_FORM_TITAN:
        return &sim_voice_titan;
    case SIM_FORM_TITAN_EMBED:
        return &sim_voice_titan_embed;
    case SIM_FORM_MISTRAL:
        return p->conversation ? &sim_voice_chat : &sim_voice_mistral;
    case SIM_FORM_COHERE:
        return p->conversation ? &sim_voice_cohere : &sim_voice_cohere_old;
    case SIM_FORM_COHERE_EMBED:
        return &sim_voice_cohere_embed;
    case SIM_FORM_AI21:
        return &sim_voice_ai21;
    case SIM_FORM_DEEPSEEK:
        return p->conversation ? &sim_voice_chat : &sim_voice_completions;
    case SIM_FORM_RESPONSES:
        return &sim_voice_responses;
    case SIM_FORM_CHAT:
    case SIM_FORM_OPENAI_CHAT:
    case SIM_FORMS:
        break;
    }
    return p->include_usage ? &sim_voice_chat_usage : &sim_voice_chat;
}
